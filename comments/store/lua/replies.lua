#!lua flags=no-writes
-- One page of the replies of one thread, oldest first.
-- KEYS: replies public meta
-- ARGV: root after limit
-- Returns: closed ('1' or ''), count, more ('1' or ''), ids (space between them), {public_json...}
local replies, public, meta = unpack(KEYS)
local root, after, limit = unpack(ARGV)

local low = after ~= '' and '(' .. root .. ':' .. after or '[' .. root .. ':'
local members = redis.call('ZRANGEBYLEX', replies, low, '(' .. root .. ';', 'LIMIT', 0, limit + 1)
local more = #members > tonumber(limit)
if more then table.remove(members) end
local shown = {}
if #members > 0 then
  for at, member in ipairs(members) do members[at] = string.sub(member, #root + 2) end
  shown = redis.call('HMGET', public, unpack(members))
end
return {redis.call('HGET', meta, 'closed') or '', redis.call('HLEN', public), more and '1' or '', table.concat(members, ' '), shown}
