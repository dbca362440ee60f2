#!lua flags=allow-oom
-- Notes what came of telling a webhook of a comment, unless the comment is due anew by now.
-- Works when memory is full: it makes room.
-- KEYS: due tries dead
-- ARGV: id seen (when it was due) next (when it is due again; '' = not any more) tried dead (JSON; '' = forget)
-- Returns: 1, or 0 where it is due anew
local due, tries, dead = unpack(KEYS)
local id, seen, next, tried, given_up = unpack(ARGV)

local score = redis.call('ZSCORE', due, id)
if not score or tonumber(score) ~= tonumber(seen) then return 0 end
if next == '' then redis.call('ZREM', due, id) else redis.call('ZADD', due, next, id) end
if tried == '' then redis.call('HDEL', tries, id) else redis.call('HSET', tries, id, tried) end
if given_up == '' then redis.call('HDEL', dead, id) else redis.call('HSET', dead, id, given_up) end
return 1
