-- Read a room's state: everything except its members.
--
-- KEYS[1]  its modes, topic and key, its version, and the number of arrivals and departures ("moves")
-- KEYS[2]  operators
-- KEYS[3]  voices
-- KEYS[4]  bans
-- KEYS[5]  muted
-- KEYS[6]  invited
-- KEYS[7]  kicked
--
-- ARGV[1]  the version that the caller knows; '' for none
--
-- Returns  Redis' time in milliseconds, then the fields and values of each of these hashes, a list for each. If
--          the room still has the version that the caller knows, only the time and the last list:
--          the others may be long, and the kicked have no version
--
-- Atomic, so that all parts belong to the same version.
local found = {whole(now_ms())}
if ARGV[1] ~= '' and version_of(KEYS[1]) == ARGV[1] then
  found[2] = redis.call('HGETALL', KEYS[7])
  return found
end
for i, key in ipairs({KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]}) do
  found[i + 1] = redis.call('HGETALL', key)
end
return found
