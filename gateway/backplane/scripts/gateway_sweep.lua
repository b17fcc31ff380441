-- Take the names of a gateway that died from it, some at a time.
--
-- KEYS[1]  its lease
-- KEYS[2]  users
-- KEYS[3]  the set of names that it held
-- KEYS[4]  gateways
-- ARGV[1]  its id
-- ARGV[2]  how many names at the most
-- ARGV[3]  what the keys of users begin with
-- ARGV[4]  milliseconds for which the users can resume
--
-- Returns  how many names are left, then the records (JSON) of the users who were on it; with
--          none left the gateway is forgotten. {0} if the gateway lives
--
-- Atomic, so that of several who sweep, one gets each name, and tells the room.
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
