-- Record that a person is away in a session, or back.
--
-- KEYS[1]  users
-- KEYS[2]  the session's alive key
-- ARGV[1]  the folded name
-- ARGV[2]  the session
-- ARGV[3]  '=' and why, or '' for back
-- ARGV[4]  milliseconds of inactivity before a user is evicted, from now on; 0 for never
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
local now, active = now_ms(), redis.pcall('GET', KEYS[2])
-- To come back is a sign of activity, and to go away is not.
local ago = user.away and type(active) == 'string' and active:find('^%d+$') and now - active or 0
keep_active(KEYS[2], now, ago, ARGV[4])
return {before, now_is(text)}
