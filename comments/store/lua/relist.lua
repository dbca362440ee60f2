#!lua flags=allow-oom
-- Lists a comment, if it still is what was seen, among the reported exactly when readers have reported it since it was
-- approved; or tells. A record from before reports said which decision they are about leaves it as it is.
-- KEYS: record reported
-- ARGV: id seen_version shown (the letter of the status that readers see) look ('1' or '')
-- Returns: 1 when that was wrong, else 0
local record, reported = unpack(KEYS)
local id, seen_version, shown, look = unpack(ARGV)

local version, status, last, reports, about = unpack(redis.call('HMGET', record, 'v', 's', 'b', 'reports', 'about'))
if version ~= seen_version then return 0 end
local _, count = string.gsub(reports or '', '%S+', '')
local score, wanted = tonumber(redis.call('ZSCORE', reported, id) or nil), nil
if status == shown and count > 0 and (about or score and (last or '')) == (last or '') then wanted = count end
if score == wanted then return 0 end
if look == '' and wanted then redis.call('ZADD', reported, wanted, id) end
if look == '' and not wanted then redis.call('ZREM', reported, id) end
return 1
