#!lua flags=allow-oom
-- Pins a public top-level comment above the others of its article, or takes the pin away; logs and announces it.
-- KEYS: public meta log
-- ARGV: id pinned ('1' or '') most channel surrogate by at what site article
-- Returns: 1 when it is as wanted, 0 when it is not public or too many are pinned
local public, meta, log = unpack(KEYS)
local id, pinned, most, channel, surrogate, by, at, what, site, article = unpack(ARGV)

local before, kept, is_there = redis.call('HGET', meta, 'pinned') or '', {}, false
for other in string.gmatch(before, '%S+') do
  is_there = is_there or other == id
  if other ~= id and redis.call('HEXISTS', public, other) == 1 then kept[#kept + 1] = other end
end
if is_there == (pinned == '1') then return 1 end
if pinned == '1' then
  if redis.call('HEXISTS', public, id) == 0 or #kept >= tonumber(most) then return 0 end
  kept[#kept + 1] = id
end
redis.call('HSET', meta, 'pinned', table.concat(kept, ' '))
redis.call('XADD', log, '*', 'site', site, 'article', article, 'by', by, 'at', at, 'what', what)
redis.call('HINCRBY', meta, 'version', 1)
redis.call('PUBLISH', channel, surrogate)
return 1
