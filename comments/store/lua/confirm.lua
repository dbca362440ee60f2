#!lua flags=allow-oom
-- Writes what is there already, so that a WAIT behind it tells whether the replicas have it.
-- KEYS: record
-- ARGV: (none)
-- Returns: nothing
local record = unpack(KEYS)
local version = redis.call('HGET', record, 'v')
if version then redis.call('HSET', record, 'v', version) end
