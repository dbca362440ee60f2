#!lua
-- Adds, changes or removes a person of the newsroom or a token, if it still is what was seen, and notes it in the log.
-- KEYS: records log
-- ARGV: field seen new at by what person detail ('' for seen: nobody yet; '' for new: remove; '' for what: no note)
-- Returns: 1 when done, else 0
local records, log = unpack(KEYS)
local field, seen, new, at, by, what, person, detail = unpack(ARGV)

if (redis.call('HGET', records, field) or '') ~= seen then return 0 end
if new == '' then redis.call('HDEL', records, field) else redis.call('HSET', records, field, new) end
if what ~= '' then
  redis.call('XADD', log, '*', 'person', person, 'by', by, 'at', at, 'what', what, 'detail', detail)
end
return 1
