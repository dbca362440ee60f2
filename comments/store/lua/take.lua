#!lua flags=allow-oom
-- Takes or renews leases on comments that nobody else holds; sweeps out those that have run out.
-- KEYS: leases
-- ARGV: holder page now ends (milliseconds) ids (space between them)
-- Returns: {id...} of those that are now the holder's
local leases = KEYS[1]
local holder, page, now, ends, ids = unpack(ARGV)

local others = {}
local entries = redis.call('HGETALL', leases)
for at = 1, #entries, 2 do
  local other_ends, name = string.match(entries[at + 1], '^(%d+) %S* (.*)$')
  if tonumber(other_ends) <= tonumber(now) then
    redis.call('HDEL', leases, entries[at])
  elseif name ~= holder then
    others[entries[at]] = true
  end
end

local taken = {}
for id in string.gmatch(ids, '%S+') do
  if not others[id] then
    redis.call('HSET', leases, id, ends .. ' ' .. page .. ' ' .. holder)
    taken[#taken + 1] = id
  end
end
return taken
