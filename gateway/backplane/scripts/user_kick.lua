-- Ask the gateway of a name's holder to end that session.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  the text for the person
-- ARGV[3]  prefix of the keys and channels of users
--
-- Returns  {the name as it is shown, session, gateway, how many gateways heard the order}; {} if nobody
--          has the name
--
-- Atomic, so that the session that holds the name now is ended, and not a later one.
local record = redis.call('HGET', KEYS[1], ARGV[1])
local user = record and read_user(record)
if not user or redis.call('EXISTS', ARGV[3] .. ':lease:' .. user.gateway) == 0 then return {} end
-- If the gateway does not have the session, it goes through this set: the name must be in it.
redis.call('SADD', ARGV[3] .. ':held:' .. user.gateway, ARGV[1])
local heard = redis.call('SPUBLISH', ARGV[3] .. ':control:' .. user.gateway,
  'kick ' .. user.session .. ' ' .. ARGV[2])
return {user.name, user.session, user.gateway, tostring(heard)}
