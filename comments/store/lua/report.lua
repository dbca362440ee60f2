#!lua
-- Counts a reader's report on a comment that stands at `status`: one for each source, and none beyond `most`.
-- KEYS: record reporters reported
-- ARGV: id status source reason most lifetime (seconds that sources are remembered after the last of them)
-- Returns: 1 when the comment stands there, else 0
local record, reporters, reported = unpack(KEYS)
local id, status, source, reason, most, lifetime = unpack(ARGV)

local now, reports, last = unpack(redis.call('HMGET', record, 's', 'reports', 'b'))
if now ~= status then return 0 end
local _, before = string.gsub(reports or '', '%S+', '')
if before >= tonumber(most) or redis.call('SADD', reporters, source) == 0 then return 1 end
redis.call('EXPIRE', reporters, lifetime)
redis.call('HSET', record, 'reports', reports and reports .. ' ' .. reason or reason, 'about', last or '')
redis.call('ZADD', reported, before + 1, id)
return 1
