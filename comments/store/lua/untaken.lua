#!lua flags=no-writes
-- The first ids of a queue that nobody else holds a lease on.
-- KEYS: queue leases
-- ARGV: holder now edge newest ('1' or '') count
-- Returns: {size of the queue, {id...}}
local queue, leases = unpack(KEYS)
local holder, now, edge, newest, count = unpack(ARGV)

local held, others = {}, 0
local entries = redis.call('HGETALL', leases)
for at = 1, #entries, 2 do
  local ends, name = string.match(entries[at + 1], '^(%d+) %S* (.*)$')
  if name ~= holder and tonumber(ends) > tonumber(now) then
    held[entries[at]] = true
    others = others + 1
  end
end

local ids
if newest == '1' then
  ids = redis.call('ZREVRANGEBYLEX', queue, edge ~= '' and edge or '+', '-', 'LIMIT', 0, count + others)
else
  ids = redis.call('ZRANGEBYLEX', queue, edge ~= '' and edge or '-', '+', 'LIMIT', 0, count + others)
end
local free = {}
for _, id in ipairs(ids) do
  if not held[id] and #free < tonumber(count) then free[#free + 1] = id end
end
return {redis.call('ZCARD', queue), free}
