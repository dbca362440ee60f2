#!lua flags=allow-oom
-- Opens or closes an article for new comments, and announces that its public answers have changed.
-- KEYS: meta
-- ARGV: closed ('1' or '') channel surrogate
-- Returns: 1 when something changed, else 0
local meta = KEYS[1]
local closed, channel, surrogate = unpack(ARGV)

local before = redis.call('HGET', meta, 'closed') or ''
if before == closed then return 0 end
if closed == '' then redis.call('HDEL', meta, 'closed') else redis.call('HSET', meta, 'closed', closed) end
redis.call('HINCRBY', meta, 'version', 1)
redis.call('PUBLISH', channel, surrogate)
return 1
