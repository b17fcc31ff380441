-- Find the last ids of logs. A log that has lost messages begins a new epoch.
--
-- KEYS[1]  their epochs
-- KEYS[2..]  the logs
-- ARGV[1]  Redis' run id
-- ARGV[2..]  for each log, its last id that the gateway knows; '0-0' for none
--
-- Returns  for each log the id after which its next message comes: its last id, or the id before the first of an
--          epoch. '0-0' if the key has the wrong type
--
-- Atomic, so that if two gateways find that a log has lost messages, only one begins the epoch.
local found = {}
for i = 2, #ARGV do
  found[i - 1] = tail(KEYS[i], KEYS[1], ARGV[1], ARGV[i])
end
return found
