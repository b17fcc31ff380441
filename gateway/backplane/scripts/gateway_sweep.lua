-- Take the names of a dead gateway away, some at a time.
--
-- KEYS[1]  its lease
-- KEYS[2]  users
-- KEYS[3]  the set of names that it held
-- KEYS[4]  gateways
-- ARGV[1]  its id
-- ARGV[2]  the most names to take
-- ARGV[3]  prefix of the keys of users
-- ARGV[4]  milliseconds in which the users can resume
--
-- Returns  the number of names that are left, then the records (JSON) of the users who were on it;
--          with no names left the gateway is deleted. {0} if the gateway is alive
--
-- Atomic, so that if several gateways sweep, only one of them gets each name and tells the rooms.
local gone = {0}
if redis.call('EXISTS', KEYS[1]) == 1 then return gone end
for _, name in ipairs(redis.call('SPOP', KEYS[3], ARGV[2])) do
  local record = redis.call('HGET', KEYS[2], name)
  local user = record and read_user(record)
  if user and user.gateway == ARGV[1] then
    redis.call('HDEL', KEYS[2], name)
    redis.call('DEL', ARGV[3] .. ':alive:' .. name)
    redis.call('SET', ARGV[3] .. ':resume:' .. name, record, 'PX', ARGV[4])
    redis.call('PEXPIRE', ARGV[3] .. ':log:' .. name, ARGV[4])
    redis.call('PEXPIRE', ARGV[3] .. ':waiting:' .. name, ARGV[4])
    gone[#gone + 1] = record
  end
end
gone[1] = redis.call('SCARD', KEYS[3])
if gone[1] == 0 then redis.call('HDEL', KEYS[4], ARGV[1]) end
return gone
