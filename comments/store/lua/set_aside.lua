#!lua flags=allow-oom
-- Takes a comment whose record cannot be read out of every queue, and keeps what is left of it under another key.
-- KEYS: record aside queue1 queue2 queue3 queue4 queue5 reported log
-- ARGV: id to at by reason version
-- Returns: {'done', version} | {'missing'}
local record, aside, queue1, queue2, queue3, queue4, queue5, reported, log = unpack(KEYS)
local id, to, at, by, reason, version = unpack(ARGV)

local found = redis.call('EXISTS', record)
for _, queue in ipairs({queue1, queue2, queue3, queue4, queue5, reported}) do
  found = found + redis.call('ZREM', queue, id)
end
if found == 0 then return {'missing'} end
if redis.call('EXISTS', record) == 1 then redis.call('RENAME', record, aside) end
redis.call('XADD', log, '*', 'comment', id, 'from', '', 'to', to, 'by', by, 'at', at, 'reason', reason,
           'version', version)
return {'done', version}
