-- Record that a person is away in a session, or back.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  the session
-- ARGV[3]  '=' and why, or '' for back
--
-- Returns  {what the person was before, what the person is now}, each as ARGV[3]; a person with several sessions is
--          away if all of them are. 'GONE' if the session has lost its name
--
-- Atomic, so that if two sessions say so at once, one sees that the person is away now.
local text = redis.call('HGET', KEYS[1], ARGV[1])
local user, line = find_session(text, ARGV[2])
if not user then return 'GONE' end
local function now_is(of)
  local away = away_of((read_sessions(of)))
  return away and '=' .. away or ''
end
local before = now_is(text)
user.away = ARGV[3] ~= '' and ARGV[3]:sub(2) or nil
text = replace_line(text, line, encode_user(user))
redis.call('HSET', KEYS[1], ARGV[1], text)
return {before, now_is(text)}
