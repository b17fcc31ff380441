-- Count a room that an account makes, unless it has made too many.
--
-- KEYS[1]  string with a TTL: how many rooms the account has made
-- ARGV[1]  the most
-- ARGV[2]  milliseconds for which they count, from the first one on
--
-- Returns  1, or 0 if there were too many: then nothing was counted
--
-- Atomic, so that many who ask at once, on many gateways, are counted as if they came one after another.
if (tonumber(redis.call('GET', KEYS[1])) or 0) >= tonumber(ARGV[1]) then return 0 end
if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
