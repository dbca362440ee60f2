#!lua flags=allow-oom
-- Puts a comment, if it still is what was seen, into exactly the sets that its record says; or tells what is wrong.
-- A feed that is short of it gets it too; that is nothing wrong: what takes a comment out of a feed puts no other in.
-- KEYS: record queue other1 other2 other3 other4 public threads replies recent site_recent meta ageing
-- ARGV: id seen_version public_json ('' for one that is not public) root channel surrogates shown (most in a feed) look ('1' or '') at article
-- Returns: {word...} for what was wrong
local record, queue, other1, other2, other3, other4, public, threads, replies, recent, site_recent, meta,
      ageing = unpack(KEYS)
local id, seen_version, public_json, root, channel, surrogates, shown, look, at, article = unpack(ARGV)

if redis.call('HGET', record, 'v') ~= seen_version then return {} end
local wrong, feeds = {}, {recent, site_recent}
local function fix(word, is_wrong, ...)
  if not is_wrong then return end
  wrong[#wrong + 1] = word
  if look == '' then redis.call(...) end
end

fix('queue', not redis.call('ZSCORE', queue, id), 'ZADD', queue, 0, id)
for _, other in ipairs({other1, other2, other3, other4}) do
  fix('queue', redis.call('ZSCORE', other, id), 'ZREM', other, id)
end
local closed, kept_open = unpack(redis.call('HMGET', meta, 'closed', 'kept_open'))
local since, ages = redis.call('ZSCORE', ageing, article), not closed and not kept_open
fix('ageing', since and not ages, 'ZREM', ageing, article)
fix('ageing', ages and (not since or tonumber(since) > tonumber(at)), 'ZADD', ageing, 'LT', at, article)
local seen, top, member = #wrong, root == '' and id or root, root .. ':' .. id
if public_json ~= '' then
  fix('public', redis.call('HGET', public, id) ~= public_json, 'HSET', public, id, public_json)
  fix('thread', not redis.call('ZSCORE', threads, top), 'ZADD', threads, 0, top)
  if root ~= '' then fix('thread', not redis.call('ZSCORE', replies, member), 'ZADD', replies, 0, member) end
else
  fix('hidden', redis.call('HEXISTS', public, id) == 1, 'HDEL', public, id)
  for _, feed in ipairs(feeds) do fix('hidden', redis.call('ZSCORE', feed, id), 'ZREM', feed, id) end
  fix('hidden', redis.call('ZSCORE', replies, member), 'ZREM', replies, member)
  local below = redis.call('ZLEXCOUNT', replies, '[' .. top .. ':', '(' .. top .. ';')
  local kept = below > 0 or top ~= id and redis.call('HEXISTS', public, top) == 1
  fix('hidden', redis.call('ZSCORE', threads, top) and not kept, 'ZREM', threads, top)
end
for _, feed in ipairs(look == '' and public_json ~= '' and feeds or {}) do
  if redis.call('ZCARD', feed) < tonumber(shown) or redis.call('ZRANGE', feed, 0, 0)[1] < id then
    redis.call('ZADD', feed, 0, id)
    if redis.call('ZCARD', feed) > tonumber(shown) then redis.call('ZPOPMIN', feed) end
  end
end
if #wrong > seen and look == '' then
  redis.call('HINCRBY', meta, 'version', 1)
  redis.call('PUBLISH', channel, surrogates)
end
return wrong
