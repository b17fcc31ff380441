-- Ask the gateway of whoever holds a name to end that session.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  the text for the person
-- ARGV[3]  what the keys and channels of users begin with
--
-- Returns  {name as it is shown, session, gateway, how many heard it}; {} if nobody is here by that
--          name
--
-- Atomic, so that it is the session that holds the name now, and no later one.
local record = redis.call('HGET', KEYS[1], ARGV[1])
local user = record and read_user(record)
if not user or redis.call('EXISTS', ARGV[3] .. ':lease:' .. user.gateway) == 0 then return {} end
-- What the gateway looks through, should it not have that session: no record may be missing there.
redis.call('SADD', ARGV[3] .. ':held:' .. user.gateway, ARGV[1])
local heard = redis.call('SPUBLISH', ARGV[3] .. ':control:' .. user.gateway,
  'kick ' .. user.session .. ' ' .. ARGV[2])
return {user.name, user.session, user.gateway, tostring(heard)}
