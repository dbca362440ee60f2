#!lua flags=allow-oom
-- Finds a session with its moderator as they are now, and notes that it was seen; also when memory is full.
-- KEYS: session moderators
-- ARGV: now idle absolute note_every (seconds)
-- Returns: {name, moderator JSON, epoch, way, proved} | {}
local session, moderators = unpack(KEYS)
local now, idle, absolute, note_every = unpack(ARGV)

local name, created, seen, epoch, way, proved =
  unpack(redis.call('HMGET', session, 'name', 'created', 'seen', 'epoch', 'way', 'proved'))
if not name then return {} end
local moderator = redis.call('HGET', moderators, name)
if not moderator or now - created > tonumber(absolute) then
  redis.call('DEL', session)
  return {}
end
if now - seen > tonumber(note_every) then
  redis.call('HSET', session, 'seen', now)
  redis.call('EXPIRE', session, idle)
end
return {name, moderator, epoch or '', way or '', proved or created}
