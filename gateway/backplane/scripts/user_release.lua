-- Give names back.
--
-- KEYS[1]  users
-- KEYS[2]  the set of names that the releasing gateway holds
-- ARGV[1]  what the keys of users begin with
-- ARGV[2..]  two for each user: folded name, session id
--
-- Returns  the session ids that held their names until now
--
-- Atomic, so that a session that lost its name cannot give its successor's away.
local released = {}
for i = 2, #ARGV, 2 do
  local name, session = ARGV[i], ARGV[i + 1]
  local record = redis.call('HGET', KEYS[1], name)
  if record and cjson.decode(record).session == session then
    redis.call('HDEL', KEYS[1], name)
    redis.call('DEL', ARGV[1] .. ':alive:' .. name)
    redis.call('SREM', KEYS[2], name)
    released[#released + 1] = session
  end
end
return released
