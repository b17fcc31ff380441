-- Find out which of these people are online or may resume.
--
-- KEYS[1]  users
-- ARGV[1]  prefix of the keys of users
-- ARGV[2..]  folded names
--
-- Returns  for each name the name as it is shown, or '' if nobody has it
--
-- Atomic, and a script, because it reads two keys for each name.
local found, now = {}, now_ms()
for i = 2, #ARGV do
  local name = ARGV[i]
  local user = read_sessions(redis.call('HGET', KEYS[1], name))[1]
    or read_left(redis.pcall('GET', ARGV[1] .. ':resume:' .. name), now)[1]
  found[#found + 1] = user and user.name or ''
end
return found
