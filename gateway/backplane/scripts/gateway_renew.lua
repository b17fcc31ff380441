-- Say that a gateway lives.
--
-- KEYS[1]  its lease
-- KEYS[2]  gateways
-- ARGV[1]  its id
-- ARGV[2]  what it tells of itself, JSON
-- ARGV[3]  milliseconds for which the lease lasts
--
-- Returns  {until when it lasts, milliseconds since 1970; 1 if it had not run out, else 0}
--
-- A script, since a full Redis refuses a SET, and whoever cannot renew a lease counts as dead: what
-- a script writes is not refused behind a first write that needs no memory.
local kept = redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
-- Redis may have forgotten it: then nobody would sweep after it. Of another type it is no reason not to live.
if redis.pcall('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
return {whole(now_ms() + ARGV[3]), kept}
