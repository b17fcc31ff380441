-- Find the last ids of logs; a log that has lost what it gave ids to begins a new epoch.
--
-- KEYS[1]  their epochs
-- KEYS[2..]  the logs
-- ARGV[1]  id of the run of Redis
-- ARGV[2..]  for each log the last id that the gateway knows of it; '0-0' for none
--
-- Returns  for each the id behind which its next message comes: its last; or the one before the first of an
--          epoch. '0-0' if the key is of another type
--
-- Atomic, so that of two gateways that find a log behind one begins the epoch.
local found = {}
for i = 2, #KEYS do
  found[i - 1] = tail(KEYS[i], KEYS[1], ARGV[1], ARGV[i])
end
return found
