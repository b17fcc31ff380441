-- Count that a password is tried, unless that was done too often.
--
-- KEYS[1]    string with a TTL: the name was got from this address before
-- KEYS[i]    counters, strings with a TTL: tries for this name, from this address first, then wider
-- ARGV[1]    milliseconds for which a counter counts
-- ARGV[i]    how far KEYS[i] may count
--
-- Returns  0, or the milliseconds to wait: then nothing was counted
--
-- From where the name was got before only the first counter counts: else strangers could use up the
-- tries of its owner.
--
-- Atomic, so that many who try at once, on many gateways, do not get more than one who tries.
local last = redis.call('EXISTS', KEYS[1]) == 1 and 2 or #KEYS
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
