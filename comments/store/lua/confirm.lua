#!lua flags=allow-oom
-- Writes what is there already, so that a WAIT behind it tells whether the replicas have it.
-- KEYS: record
local version = redis.call('HGET', KEYS[1], 'v')
if version then redis.call('HSET', KEYS[1], 'v', version) end
return version
