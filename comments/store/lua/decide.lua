#!lua flags=allow-oom
-- Moves a comment from the status and version that were seen to another status: queue, public form, log, announcement.
-- Works when memory is full, so that removing stays possible.
-- KEYS: record from_queue to_queue log public threads replies recent site_recent meta reported tally
-- ARGV: id seen_version from to at by reason last public_json root channel surrogates feed (its length) counted kept_until
-- Returns: {'done', version} | {'conflict', status, version, last} | {'missing'}
local record, from_queue, to_queue, log, public, threads, replies, recent, site_recent, meta, reported,
      tally = unpack(KEYS)
local id, seen_version, from, to, at, by, reason, last, public_json, root, channel, surrogates, feed,
      counted, kept_until = unpack(ARGV)

local status, version, latest, entries = unpack(redis.call('HMGET', record, 's', 'v', 'b', 'l'))
if not status then return {'missing'} end
if version ~= seen_version or status ~= from then return {'conflict', status, version, latest or ''} end

version = string.format('%d', version + 1)
local entry = redis.call('XADD', log, '*', 'comment', id, 'from', from, 'to', to, 'by', by, 'at', at,
                         'reason', reason, 'version', version)
redis.call('HSET', record, 's', to, 'v', version, 'b', last, 'l', entries .. ' ' .. entry)
redis.call('ZREM', from_queue, id)
redis.call('ZADD', to_queue, 0, id)
redis.call('ZREM', reported, id)
for field in string.gmatch(counted, '[^\n]+') do redis.call('HINCRBY', tally, field, 1) end
redis.call('EXPIREAT', tally, kept_until)

local top = root == '' and id or root
local changed = true
if public_json ~= '' then
  redis.call('HSET', public, id, public_json)
  if root ~= '' then redis.call('ZADD', replies, 0, root .. ':' .. id) end
  redis.call('ZADD', threads, 0, top)
  for _, newest in ipairs({recent, site_recent}) do
    redis.call('ZADD', newest, 0, id)
    if redis.call('ZCARD', newest) > tonumber(feed) then redis.call('ZPOPMIN', newest) end
  end
elseif redis.call('HDEL', public, id) == 1 then
  redis.call('ZREM', recent, id)
  redis.call('ZREM', site_recent, id)
  if root ~= '' then redis.call('ZREM', replies, root .. ':' .. id) end
  -- a removed top-level comment keeps its place while approved replies stand under it
  local answered = redis.call('ZLEXCOUNT', replies, '[' .. top .. ':', '(' .. top .. ';') > 0
  if not answered and redis.call('HEXISTS', public, top) == 0 then redis.call('ZREM', threads, top) end
else
  changed = false
end
if changed then
  redis.call('HINCRBY', meta, 'version', 1)
  redis.call('PUBLISH', channel, surrogates)
end
return {'done', version}
