#!lua flags=allow-oom
-- Takes one from a source's bucket (GCRA: the bucket is the time at which it is full again); also when memory is full,
-- so that somebody can sign in and make room.
-- KEYS: limit
-- ARGV: now interval burst (milliseconds: one token's worth, and the whole bucket's)
-- Returns: 0 when admitted, else milliseconds to wait
local bucket = KEYS[1]
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local full_at = math.max(tonumber(redis.call('GET', bucket) or '0'), now)
-- a clock that was set back must not lock a source out for longer than one bucket
full_at = math.min(full_at, now + burst) + interval
local wait = full_at - now - burst
if wait > 0 then return math.ceil(wait) end
redis.call('SET', bucket, string.format('%d', full_at), 'PX', string.format('%d', burst))
return 0
