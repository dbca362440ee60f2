#!lua
-- Adds, changes or removes a person of the newsroom, if they still are what was seen, and notes it in the log.
-- KEYS: moderators log
-- ARGV: name seen new at by what detail ('' for seen: nobody yet; '' for new: remove; '' for what: no note)
-- Returns: 1 when done, else 0
local moderators, log = unpack(KEYS)
local name, seen, new, at, by, what, detail = unpack(ARGV)

if (redis.call('HGET', moderators, name) or '') ~= seen then return 0 end
if new == '' then redis.call('HDEL', moderators, name) else redis.call('HSET', moderators, name, new) end
if what ~= '' then
  redis.call('XADD', log, '*', 'person', name, 'by', by, 'at', at, 'what', what, 'detail', detail)
end
return 1
