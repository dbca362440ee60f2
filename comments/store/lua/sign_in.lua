#!lua flags=allow-oom
-- Begins a session, also when memory is full: somebody has to come in and make room.
-- KEYS: session sessions (of the same moderator)
-- ARGV: digest idle kept (seconds) field value ...
local digest, idle, kept = unpack(ARGV, 1, 3)
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('EXPIRE', KEYS[1], idle)
redis.call('SADD', KEYS[2], digest)
redis.call('EXPIRE', KEYS[2], kept)
