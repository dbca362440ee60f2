#!lua flags=allow-oom
-- Begins a session, also when memory is full: somebody has to come in and make room.
-- KEYS: session sessions (of the same moderator)
-- ARGV: digest idle kept (seconds) name epoch way agent now
-- Returns: nothing
local session, sessions = unpack(KEYS)
local digest, idle, kept, name, epoch, way, agent, now = unpack(ARGV)
redis.call('HSET', session, 'name', name, 'epoch', epoch, 'way', way, 'agent', agent,
           'created', now, 'seen', now, 'proved', now)
redis.call('EXPIRE', session, idle)
redis.call('SADD', sessions, digest)
redis.call('EXPIRE', sessions, kept)
