-- Count an attempt at a password, unless there were too many.
--
-- KEYS[1]    string with a TTL: the name was got from this address before
-- KEYS[i]    counters, strings with a TTL: attempts at this name from this address first, then wider ones
-- ARGV[1]    milliseconds that a counter lives
-- ARGV[i]    the limit of KEYS[i]
--
-- Returns  0, or the milliseconds to wait: then nothing was counted
--
-- For an address that has got the name before, only the first counter applies: otherwise strangers could
-- use up the owner's attempts.
--
-- Atomic, so that many simultaneous attempts, on many gateways, get no more than attempts in a row.
local last = redis.call('EXISTS', KEYS[1]) == 1 and 2 or #ARGV
local wait = 0
for i = 2, last do
  if tonumber(redis.call('GET', KEYS[i]) or 0) >= tonumber(ARGV[i]) then
    wait = math.max(wait, redis.call('PTTL', KEYS[i]), 1)
  end
end
if wait > 0 then return wait end
for i = 2, last do
  if redis.call('INCR', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
end
return 0
