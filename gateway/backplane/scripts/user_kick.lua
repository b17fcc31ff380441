-- Ask the gateways of a name's sessions to end them.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  the text for the person
-- ARGV[3]  prefix of the keys and channels of users
-- ARGV[4]  the one session to end; '' for all
--
-- Returns  four for each session: the name as it is shown, session, gateway, how many gateways heard the
--          order; {} if nobody has the name
--
-- Atomic, so that the sessions that hold the name now are ended, and not later ones.
local asked = {}
for _, user in ipairs((read_sessions(redis.call('HGET', KEYS[1], ARGV[1])))) do
  if (ARGV[4] == '' or ARGV[4] == user.session)
    and redis.call('EXISTS', ARGV[3] .. ':lease:' .. user.gateway) == 1 then
    -- If the gateway does not have the session, it goes through this set: the name must be in it.
    redis.call('SADD', ARGV[3] .. ':held:' .. user.gateway, ARGV[1])
    local heard = redis.call('SPUBLISH', ARGV[3] .. ':control:' .. user.gateway,
      'kick ' .. user.session .. ' ' .. ARGV[2])
    for _, each in ipairs({user.name, user.session, user.gateway, tostring(heard)}) do
      asked[#asked + 1] = each
    end
  end
end
return asked
