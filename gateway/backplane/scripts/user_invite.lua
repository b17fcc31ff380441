-- Tell somebody that they may enter a room now.
--
-- KEYS[1]  users
-- ARGV[1]  the person's folded name
-- ARGV[2]  the room
-- ARGV[3]  the name of the person who invites them
-- ARGV[4]  the beginning of the names of the keys and channels of users
--
-- Returns  nothing
--
-- Atomic, so that the session that has the name now is told, and no other.
local user = read_user(redis.call('HGET', KEYS[1], ARGV[1]))
if user then
  redis.call('SPUBLISH', ARGV[4] .. ':control:' .. user.gateway,
    'invited ' .. user.session .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
end
