-- Record when users were last active, and renew their inactivity TTL.
--
-- KEYS[1]  users
-- KEYS[2]  the set of names that the gateway holds
-- ARGV[1]  milliseconds of inactivity before a user is evicted; 0 for never
-- ARGV[2]  the same for a user who is away
-- ARGV[3]  prefix of the keys of users
-- ARGV[4..]  three for each user: folded name, session id, milliseconds since the last activity
--
-- Returns  the ids of the sessions that no longer hold their names
--
-- Atomic, so that a session that lost its name cannot keep it alive for its successor.
need_set(KEYS[2])
local lost = {}
local now = now_ms()
for i = 4, #ARGV, 3 do
  local name, session, ago = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local user = find_session(redis.call('HGET', KEYS[1], name), session)
  if user then
    local key = ARGV[3] .. ':alive:' .. session
    -- This needs no memory. A full Redis does not refuse what a script writes after such a first
    -- write.
    redis.call('DEL', key)
    redis.call('SADD', KEYS[2], name)
    keep_active(key, now, ago, user.away and ARGV[2] or ARGV[1])
  else
    lost[#lost + 1] = session
  end
end
return lost
