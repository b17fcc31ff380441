-- Release names.
--
-- KEYS[1]  users
-- KEYS[2]  the set of names that the releasing gateway holds
-- ARGV[1]  prefix of the keys of users
-- ARGV[2]  milliseconds in which the users can resume; 0 if they left for good
-- ARGV[3..]  two for each user: folded name, session id
--
-- Returns  the ids of the sessions that held their names until now
--
-- Atomic, so that a session that lost its name cannot release it from its successor.
need_set(KEYS[2])
local released = {}
for i = 3, #ARGV, 2 do
  local name, session = ARGV[i], ARGV[i + 1]
  local record = redis.call('HGET', KEYS[1], name)
  local user = record and read_user(record)
  if user and user.session == session then
    redis.call('HDEL', KEYS[1], name)
    redis.call('DEL', ARGV[1] .. ':alive:' .. name)
    redis.call('SREM', KEYS[2], name)
    redis.call('PEXPIRE', ARGV[1] .. ':log:' .. name, ARGV[2])
    if ARGV[2] ~= '0' then
      redis.call('SET', ARGV[1] .. ':resume:' .. name, record, 'PX', ARGV[2])
    end
    released[#released + 1] = session
  end
end
return released
