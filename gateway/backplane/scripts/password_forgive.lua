-- Take back that a password was tried: it was right.
--
-- KEYS[i]  counters
--
-- Returns  nothing
--
-- Atomic, so that a counter that ends just now does not come back without its TTL.
for i = 1, #KEYS do
  if tonumber(redis.call('GET', KEYS[i]) or 0) > 0 then redis.call('DECR', KEYS[i]) end
end
