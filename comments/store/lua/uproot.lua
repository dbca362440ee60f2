#!lua flags=allow-oom
-- Takes a member out of a set that has no business there, if the comment it names still is what was seen.
-- KEYS: record set replies (with threads: what stands above some of them stays; else none)
-- ARGV: member seen_version ('' for no record) channel surrogate ('' for a set that nobody outside sees) look ('1' or '')
-- Returns: 1 when it was there, else 0
local record, set, replies = unpack(KEYS)
local member, seen_version, channel, surrogate, look = unpack(ARGV)

local version = redis.pcall('HGET', record, 'v')
if type(version) == 'table' then version = '' end
if (version or '') ~= seen_version then return 0 end
if replies and redis.call('ZLEXCOUNT', replies, '[' .. member .. ':', '(' .. member .. ';') > 0 then return 0 end
local is_hash = redis.call('TYPE', set).ok == 'hash'
local there = is_hash and redis.call('HEXISTS', set, member) == 1 or not is_hash and redis.call('ZSCORE', set, member)
if not there then return 0 end
if look == '' then
  redis.call(is_hash and 'HDEL' or 'ZREM', set, member)
  if surrogate ~= '' then redis.call('PUBLISH', channel, surrogate) end
end
return 1
