#!lua flags=no-writes
-- One page of an article's threads, each with its first replies. The cost depends on the page alone.
-- KEYS: threads replies public meta
-- ARGV: edge (a bound of ids: after one, or from one on; '' for none) limit first newest ('1' or '')
-- Returns: closed, count, cursor or '', {public_json or nil...}, {place, id...} of those that are gone,
--          {{place, number of replies, {public_json...}, last reply shown or ''}...} of those with replies
local threads, replies, public, meta = unpack(KEYS)
local edge, limit, first, newest = unpack(ARGV)

if edge == '' then edge = newest == '1' and '+' or '-' end
local ids
if newest == '1' then
  ids = redis.call('ZREVRANGEBYLEX', threads, edge, '-', 'LIMIT', 0, limit + 1)
else
  ids = redis.call('ZRANGEBYLEX', threads, edge, '+', 'LIMIT', 0, limit + 1)
end
local cursor = ''
if #ids > tonumber(limit) then
  table.remove(ids)
  cursor = ids[#ids]
end
local closed, count = redis.call('HGET', meta, 'closed') or '', redis.call('HLEN', public)
if #ids == 0 then return {closed, count, cursor, {}, {}, {}} end

local comments, gone, answered = redis.call('HMGET', public, unpack(ids)), {}, {}
if redis.call('EXISTS', replies) == 0 then return {closed, count, cursor, comments, gone, answered} end
for place, id in ipairs(ids) do
  if not comments[place] then
    gone[#gone + 1] = place
    gone[#gone + 1] = id
  end
  local low, high = '[' .. id .. ':', '(' .. id .. ';'
  local members = redis.call('ZRANGEBYLEX', replies, low, high, 'LIMIT', 0, first + 1)
  if #members > 0 then
    local total, last = #members, ''
    if total > tonumber(first) then
      total = redis.call('ZLEXCOUNT', replies, low, high)
      table.remove(members)
      last = string.sub(members[#members], #id + 2)
    end
    for at, member in ipairs(members) do members[at] = string.sub(member, #id + 2) end
    answered[#answered + 1] = {place, total, redis.call('HMGET', public, unpack(members)), last}
  end
end
return {closed, count, cursor, comments, gone, answered}
