-- Uncount an attempt, because the password was right, and note that the name was got from this address.
--
-- KEYS[1]  string with a TTL: the name was got from this address before
-- KEYS[i]  counters, as for password_try
-- ARGV[1]  milliseconds that this is remembered
-- ARGV[2]  how many counters there are
--
-- Returns  nothing
--
-- Atomic, so that a counter that expires now is not created again without a TTL.
local last = redis.call('EXISTS', KEYS[1]) == 1 and 2 or ARGV[2] + 1
for i = 2, last do
  if tonumber(redis.call('GET', KEYS[i]) or 0) > 0 then redis.call('DECR', KEYS[i]) end
end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
