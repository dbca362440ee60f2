#!lua flags=no-writes
-- One page of an article's threads, each with its first replies. The cost depends on the page alone.
-- KEYS: threads replies public meta
-- ARGV: after limit first newest ('1' or '')
-- Returns: {closed, count, more, {id, public_json, reply_count, {reply_json...}, last_reply}...}; '' stands for none
local threads, replies, public, meta = unpack(KEYS)
local after, limit, first, newest = unpack(ARGV)

local edge = after ~= '' and '(' .. after
local ids
if newest == '1' then
  ids = redis.call('ZREVRANGEBYLEX', threads, edge or '+', '-', 'LIMIT', 0, limit + 1)
else
  ids = redis.call('ZRANGEBYLEX', threads, edge or '-', '+', 'LIMIT', 0, limit + 1)
end
local more = #ids > tonumber(limit)
if more then table.remove(ids) end

local page = {redis.call('HGET', meta, 'closed') or '', redis.call('HLEN', public), more and '1' or ''}
if #ids == 0 then return page end
local comments = redis.call('HMGET', public, unpack(ids))
local any_reply = redis.call('EXISTS', replies) == 1
for place, id in ipairs(ids) do
  local low, high = '[' .. id .. ':', '(' .. id .. ';'
  local total = any_reply and redis.call('ZLEXCOUNT', replies, low, high) or 0
  local shown, last = {}, ''
  if total > 0 then
    local members = redis.call('ZRANGEBYLEX', replies, low, high, 'LIMIT', 0, first)
    for at, member in ipairs(members) do members[at] = string.sub(member, #id + 2) end
    shown = redis.call('HMGET', public, unpack(members))
    if total > #members then last = members[#members] end
  end
  page[#page + 1] = {id, comments[place] or '', total, shown, last}
end
return page
