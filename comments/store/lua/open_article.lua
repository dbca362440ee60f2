#!lua flags=allow-oom
-- Opens or closes an article for new comments, notes it in the log, and announces that its public answers have changed.
-- What somebody opens does not age any more. The service (nobody's name) closes only what still does.
-- KEYS: meta log ageing
-- ARGV: closed ('1' or '') channel surrogate by at what site article member (in ageing) reason detail
-- Returns: 1 when something changed, else 0
local meta, log, ageing = unpack(KEYS)
local closed, channel, surrogate, by, at, what, site, article, member, reason, detail = unpack(ARGV)

if redis.call('ZREM', ageing, member) == 0 and by == '' then return 0 end
if closed == '' then redis.call('HSET', meta, 'kept_open', '1') end
local before = redis.call('HGET', meta, 'closed') or ''
if before == closed then return 0 end
if closed == '' then redis.call('HDEL', meta, 'closed') else redis.call('HSET', meta, 'closed', closed) end
redis.call('XADD', log, '*', 'site', site, 'article', article, 'by', by, 'at', at, 'what', what, 'reason', reason,
           'detail', detail)
redis.call('HINCRBY', meta, 'version', 1)
redis.call('PUBLISH', channel, surrogate)
return 1
