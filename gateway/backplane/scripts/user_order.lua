-- Tell the gateways of a name's sessions something about these sessions.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  the verb
-- ARGV[3]  the rest of the order
-- ARGV[4]  a session that is not meant; '' for none
-- ARGV[5]  the beginning of the names of the keys and channels of users
--
-- Returns  nothing
--
-- Atomic, so that the sessions that have the name now are meant, and no others.
for _, user in ipairs((read_sessions(redis.call('HGET', KEYS[1], ARGV[1])))) do
  if user.session ~= ARGV[4] then
    redis.call('SPUBLISH', ARGV[5] .. ':control:' .. user.gateway,
      ARGV[2] .. ' ' .. user.session .. ' ' .. ARGV[3])
  end
end
