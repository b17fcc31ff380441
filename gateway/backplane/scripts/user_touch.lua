-- Record when users were last active, and renew their inactivity TTL.
--
-- KEYS[1]  users
-- KEYS[2]  the set of names that the gateway holds
-- ARGV[1]  milliseconds of inactivity before a user is evicted; 0 for never
-- ARGV[2]  prefix of the keys of users
-- ARGV[3..]  three for each user: folded name, session id, milliseconds since the last activity
--
-- Returns  the ids of the sessions that no longer hold their names
--
-- Atomic, so that a session that lost its name cannot keep it alive for its successor.
need_set(KEYS[2])
local lost = {}
local now = now_ms()
for i = 3, #ARGV, 3 do
  local name, session, ago = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if find_session(redis.call('HGET', KEYS[1], name), session) then
    local key = ARGV[2] .. ':alive:' .. session
    -- This needs no memory. A full Redis does not refuse what a script writes after such a first
    -- write.
    redis.call('DEL', key)
    redis.call('SADD', KEYS[2], name)
    local value = whole(now - ago)
    if ARGV[1] == '0' then
      redis.call('SET', key, value)
    else
      redis.call('SET', key, value, 'PX', math.max(1, ARGV[1] - ago))
    end
  else
    lost[#lost + 1] = session
  end
end
return lost
