-- Release names.
--
-- KEYS[1]  users
-- KEYS[2]  the set of names that the releasing gateway holds
-- KEYS[3]  accounts
-- ARGV[1]  prefix of the keys of users
-- ARGV[2]  milliseconds in which the sessions can be resumed; 0 if they ended for good
-- ARGV[3]  milliseconds that private messages of a registered name are kept
-- ARGV[4..]  three for each session: folded name, session id, and the id after which private messages may not have
--            arrived, or ''; '?' if only the record has it
--
-- Returns  the ids of the sessions that held their names until now
--
-- Atomic, so that a session that lost its name cannot release it from its successor.
need_set(KEYS[2])
local now = now_ms()
local released = {}
for i = 4, #ARGV, 3 do
  local name, session = ARGV[i], ARGV[i + 1]
  local text = redis.call('HGET', KEYS[1], name)
  local user, line = find_session(text, session)
  if user then
    text = replace_line(text, line)
    write_text(KEYS[1], name, text)
    redis.call('DEL', ARGV[1] .. ':alive:' .. session)
    forget_held(ARGV[1], user.gateway, name, text)
    if #read_sessions(text) == 0 then
      expire_log(ARGV[1], name, redis.call('HEXISTS', KEYS[3], name) == 1 and ARGV[3] or ARGV[2])
    end
    -- The record may be a little behind what the gateway knows.
    if ARGV[i + 2] ~= '?' then user.mail = ARGV[i + 2] ~= '' and ARGV[i + 2] or nil end
    keep_mail(ARGV[1], name, user, ARGV[3])
    if ARGV[2] ~= '0' then add_left(ARGV[1], name, encode_user(user), tonumber(ARGV[2]), now) end
    released[#released + 1] = session
  end
end
return released
