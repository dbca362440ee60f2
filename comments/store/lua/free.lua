#!lua flags=allow-oom
-- Gives up the leases that one screen holds.
-- KEYS: leases
-- ARGV: page
-- Returns: how many there were
local leases = KEYS[1]
local page = ARGV[1]

local freed = 0
local entries = redis.call('HGETALL', leases)
for at = 1, #entries, 2 do
  if string.match(entries[at + 1], '^%d+ (%S*) ') == page then freed = freed + redis.call('HDEL', leases, entries[at]) end
end
return freed
