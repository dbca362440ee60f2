#!lua flags=allow-oom
-- Notes that somebody is here, and forgets who has not been for a while; also when memory is full.
-- KEYS: here
-- ARGV: name now oldest (milliseconds)
-- Returns: {name...} of all who are here
local name, now, oldest = unpack(ARGV)
redis.call('ZADD', KEYS[1], now, name)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', oldest)
return redis.call('ZRANGE', KEYS[1], 0, -1)
