#!lua flags=allow-oom
-- Takes a comment whose record cannot be read out of every queue and off its page, and keeps what is left under other
-- keys; where nothing is left, an empty one says that it was seen to.
-- KEYS: record aside aside_public queue1 queue2 queue3 queue4 queue5 reported log public threads replies recent site_recent meta (the last six of the page that it is on; else none)
-- ARGV: id to at by reason version root (of its thread) channel surrogates
-- Returns: {'done', version} | {'missing'}
local record, aside, aside_public, queue1, queue2, queue3, queue4, queue5, reported, log, public, threads, replies,
      recent, site_recent, meta = unpack(KEYS)
local id, to, at, by, reason, version, root, channel, surrogates = unpack(ARGV)

local form = public and redis.call('HGET', public, id)
local found = redis.call('EXISTS', record) + (form and 1 or 0)
for _, queue in ipairs({queue1, queue2, queue3, queue4, queue5, reported}) do
  found = found + redis.call('ZREM', queue, id)
end
if found == 0 then return {'missing'} end
if redis.call('EXISTS', record) == 1 then
  redis.call('RENAME', record, aside)
else
  redis.call('SET', aside, '', 'NX')
end
redis.call('XADD', log, '*', 'comment', id, 'from', '', 'to', to, 'by', by, 'at', at, 'reason', reason,
           'version', version)
if form then
  redis.call('SET', aside_public, form)
  redis.call('HDEL', public, id)
  redis.call('ZREM', recent, id)
  redis.call('ZREM', site_recent, id)
  redis.call('ZREM', replies, root .. ':' .. id)
  local below = redis.call('ZLEXCOUNT', replies, '[' .. root .. ':', '(' .. root .. ';')
  if below == 0 and redis.call('HEXISTS', public, root) == 0 then redis.call('ZREM', threads, root) end
  redis.call('HINCRBY', meta, 'version', 1)
  redis.call('PUBLISH', channel, surrogates)
end
return {'done', version}
