#!lua
-- Queues a submission: comment, queue, log, index of its person and answer to its idempotency key, all or nothing.
-- KEYS: record queue log answer public meta comments_of parent_record tally ageing
-- ARGV: id data mail status at reason person unnamed parent answer_text lifetime counted kept_until article (in ageing)
-- Returns: {'done'} | {'seen', answer_text of the first time} | {'closed'} | {'no_parent'}
local record, queue, log, answer, public, meta, comments_of, parent_record, tally, ageing = unpack(KEYS)
local id, data, mail, status, at, reason, person, unnamed, parent, answer_text,
      lifetime, counted, kept_until, article = unpack(ARGV)

local earlier = redis.call('GET', answer)
if earlier then
  -- a write, so that a WAIT behind it tells whether the replicas have the first time's
  redis.call('EXPIRE', answer, lifetime)
  return {'seen', earlier}
end
if redis.call('EXISTS', record) == 1 then return {'done'} end
local closed, kept_open = unpack(redis.call('HMGET', meta, 'closed', 'kept_open'))
if closed then return {'closed'} end

if parent ~= '' then
  if redis.call('HEXISTS', public, parent) == 0 then return {'no_parent'} end
  redis.call('HSET', record, 'root', redis.call('HGET', parent_record, 'root') or parent)
end
local entry = redis.call('XADD', log, '*', 'comment', id, 'from', '', 'to', status, 'by', '', 'at', at,
                         'reason', reason, 'version', '1')
redis.call('HSET', record, 'd', data, 's', status, 'v', '1', 'l', entry)
if mail ~= '' then redis.call('HSET', record, 'm', mail) end
if unnamed ~= '' then redis.call('HSET', record, 'blind', unnamed) end
redis.call('ZADD', queue, 0, id)
if not kept_open then redis.call('ZADD', ageing, 'LT', at, article) end
redis.call('HINCRBY', tally, counted, 1)
redis.call('EXPIREAT', tally, kept_until)
if person ~= '' then redis.call('SADD', comments_of, id) end
if lifetime ~= '0' then redis.call('SET', answer, answer_text, 'EX', lifetime) end
return {'done'}
