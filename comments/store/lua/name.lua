#!lua
-- Gives a comment the pseudonym of its person, which could not be had or kept when it came.
-- KEYS: record comments_before comments_of
-- ARGV: id seen_data data
-- Returns: 1, or 0 when the record is not what was seen any more
local record, comments_before, comments_of = unpack(KEYS)
local id, seen_data, data = unpack(ARGV)

if redis.call('HGET', record, 'd') ~= seen_data then return 0 end
redis.call('HSET', record, 'd', data)
redis.call('HDEL', record, 'blind')
redis.call('SREM', comments_before, id)
redis.call('SADD', comments_of, id)
return 1
