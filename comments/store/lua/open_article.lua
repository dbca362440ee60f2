#!lua flags=allow-oom
-- Opens or closes an article for new comments, notes it in the log, and announces that its public answers have changed.
-- KEYS: meta log
-- ARGV: closed ('1' or '') channel surrogate by at what site article
-- Returns: 1 when something changed, else 0
local meta, log = unpack(KEYS)
local closed, channel, surrogate, by, at, what, site, article = unpack(ARGV)

local before = redis.call('HGET', meta, 'closed') or ''
if before == closed then return 0 end
if closed == '' then redis.call('HDEL', meta, 'closed') else redis.call('HSET', meta, 'closed', closed) end
redis.call('XADD', log, '*', 'site', site, 'article', article, 'by', by, 'at', at, 'what', what)
redis.call('HINCRBY', meta, 'version', 1)
redis.call('PUBLISH', channel, surrogate)
return 1
