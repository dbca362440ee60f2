#!lua flags=no-writes
-- One page of an article's threads, each with its first replies. The cost depends on the page alone.
-- Pinned threads stand above the first page, and on no other unless it begins with them.
-- KEYS: threads replies public meta
-- ARGV: edge (a bound of ids: after one, or from one on; '' for none) limit first newest ('1' or '')
-- Returns: closed, count, cursor or '', ids (space between them), {public_json, or nil for one that is gone...}, how many
--          of the first are pinned, {{place, number of replies, ids, {public_json...}}...} of those with any
local threads, replies, public, meta = unpack(KEYS)
local edge, limit, first, newest = unpack(ARGV)

local is_first = edge == ''
local command, near, far = 'ZRANGEBYLEX', '-', '+'
if newest == '1' then command, near, far = 'ZREVRANGEBYLEX', '+', '-' end
local ids = redis.call(command, threads, is_first and near or edge, far, 'LIMIT', 0, limit + 1)
local cursor = #ids > tonumber(limit) and table.remove(ids) and ids[#ids] or ''
local page, is_pinned, pins = {}, {}, redis.call('HGET', meta, 'pinned') or ''
for id in string.gmatch(pins, '%S+') do
  is_pinned[id] = redis.call('HEXISTS', public, id) == 1
  if is_first and is_pinned[id] then page[#page + 1] = id end
end
local pinned = #page
if pins ~= '' then
  for _, id in ipairs(ids) do
    if edge == '[' .. id and is_pinned[id] then pinned = 1 end
    if edge == '[' .. id or not is_pinned[id] then page[#page + 1] = id end
  end
  ids = page
end
local closed, count = redis.call('HGET', meta, 'closed') or '', redis.call('HLEN', public)
if #ids == 0 then return {closed, count, cursor, '', {}, 0, {}} end

local comments, answered = redis.call('HMGET', public, unpack(ids)), {}
if redis.call('EXISTS', replies) == 0 then return {closed, count, cursor, table.concat(ids, ' '), comments, pinned, answered} end
for place, id in ipairs(ids) do
  local low, high = '[' .. id .. ':', '(' .. id .. ';'
  local members = redis.call('ZRANGEBYLEX', replies, low, high, 'LIMIT', 0, first + 1)
  if #members > 0 then
    local total = #members
    if total > tonumber(first) then
      total = redis.call('ZLEXCOUNT', replies, low, high)
      table.remove(members)
    end
    for at, member in ipairs(members) do members[at] = string.sub(member, #id + 2) end
    answered[#answered + 1] = {place, total, table.concat(members, ' '), redis.call('HMGET', public, unpack(members))}
  end
end
return {closed, count, cursor, table.concat(ids, ' '), comments, pinned, answered}
