#!lua
-- Adds a seal to a chain, if the chain still ends where it was seen to end.
-- KEYS: seals
-- ARGV: seen seal (JSON; '' for seen: no seal yet)
-- Returns: 1 when added, else 0
local seals = KEYS[1]
local seen, seal = unpack(ARGV)

if (redis.call('LINDEX', seals, -1) or '') ~= seen then return 0 end
redis.call('RPUSH', seals, seal)
return 1
