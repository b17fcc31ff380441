-- Count that a password is tried, unless that was done too often.
--
-- KEYS[i]    counters, each a string with a TTL
-- ARGV[1]    milliseconds for which a counter counts
-- ARGV[1+i]  how far it may count
--
-- Returns  0, or the milliseconds to wait: then nothing was counted
--
-- Atomic, so that many who try at once, on many gateways, do not get more than one who tries.
local wait = 0
for i = 1, #KEYS do
  if tonumber(redis.call('GET', KEYS[i]) or 0) >= tonumber(ARGV[1 + i]) then
    wait = math.max(wait, redis.call('PTTL', KEYS[i]), 1)
  end
end
if wait > 0 then return wait end
for i = 1, #KEYS do
  if redis.call('INCR', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
return 0
