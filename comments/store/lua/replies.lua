#!lua flags=no-writes
-- One page of the replies of one thread, oldest first.
-- KEYS: replies public meta
-- ARGV: root after limit
-- Returns: {closed, count, more, last id, {reply_json...}}; '' stands for none
local replies, public, meta = unpack(KEYS)
local root, after, limit = unpack(ARGV)

local low = after ~= '' and '(' .. root .. ':' .. after or '[' .. root .. ':'
local members = redis.call('ZRANGEBYLEX', replies, low, '(' .. root .. ';', 'LIMIT', 0, limit + 1)
local more = #members > tonumber(limit)
if more then table.remove(members) end
local shown, last = {}, ''
if #members > 0 then
  for at, member in ipairs(members) do members[at] = string.sub(member, #root + 2) end
  shown = redis.call('HMGET', public, unpack(members))
  last = members[#members]
end
return {redis.call('HGET', meta, 'closed') or '', redis.call('HLEN', public), more and '1' or '', last, shown}
