#!lua flags=allow-oom
-- Queues comments whose change webhooks are to hear of, and moves the place up to which a shard's log was looked at.
-- Works when memory is full, as decisions do.
-- KEYS: holder read (and due and tries of each webhook)
-- ARGV: who shard upto at (and ids of comments)
-- Returns: 1, or 0 where somebody else delivers by now
local holder, read = KEYS[1], KEYS[2]
local who, shard, upto, at = unpack(ARGV)

if redis.call('GET', holder) ~= who then return 0 end
for key = 3, #KEYS, 2 do
  local due, tries = KEYS[key], KEYS[key + 1]
  for id = 5, #ARGV do
    redis.call('ZADD', due, at, ARGV[id])
    redis.call('HDEL', tries, ARGV[id])
  end
end
redis.call('HSET', read, shard, upto)
return 1
