-- Renew a gateway's lease.
--
-- KEYS[1]  its lease
-- KEYS[2]  gateways
-- ARGV[1]  its id
-- ARGV[2]  its report, JSON
-- ARGV[3]  milliseconds that the lease lasts
--
-- Returns  {its end in milliseconds since 1970; 1 if it had not run out, else 0}
--
-- A script, because a full Redis refuses a SET, and a gateway that cannot renew its lease counts as
-- dead. In a script, writes are not refused after a first write that needs no memory.
local kept = redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
-- Redis may have lost the entry; then nobody would sweep this gateway. A key of the wrong type must not fail the lease.
if redis.pcall('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
return {whole(now_ms() + ARGV[3]), kept}
