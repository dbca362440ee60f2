#!lua
-- Gives a comment, at the status and version that were seen, another text; a public one is replaced where it is served.
-- What stood there before a moderator changed it is kept.
-- KEYS: record log public meta was
-- ARGV: id seen_version status at by reason data public_json ('' for one that is not public) channel surrogate
-- Returns: {'done', version} | {'conflict', status, version, last} | {'missing'}
local record, log, public, meta, was = unpack(KEYS)
local id, seen_version, seen_status, at, by, reason, data, public_json, channel, surrogate = unpack(ARGV)

local status, version, latest, entries = unpack(redis.call('HMGET', record, 's', 'v', 'b', 'l'))
if not status then return {'missing'} end
if version ~= seen_version or status ~= seen_status then return {'conflict', status, version, latest or ''} end

version = string.format('%d', version + 1)
local entry = redis.call('XADD', log, '*', 'comment', id, 'from', status, 'to', status, 'by', by, 'at', at,
                         'reason', reason, 'version', version)
if by ~= '' then redis.call('RPUSH', was, redis.call('HGET', record, 'd')) end
redis.call('HSET', record, 'd', data, 'v', version, 'l', entries .. ' ' .. entry)
if public_json ~= '' and redis.call('HEXISTS', public, id) == 1 then
  redis.call('HSET', public, id, public_json)
  redis.call('HINCRBY', meta, 'version', 1)
  redis.call('PUBLISH', channel, surrogate)
end
return {'done', version}
