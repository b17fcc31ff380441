-- Find out which of these people are online or may resume.
--
-- KEYS[1]  users
-- ARGV[1]  prefix of the keys of users
-- ARGV[2..]  folded names
--
-- Returns  for each name the name as it is shown, or '' if nobody has it
--
-- Atomic, and a script, because it reads two keys for each name.
local found = {}
for i = 2, #ARGV do
  local user = read_user(redis.call('HGET', KEYS[1], ARGV[i]))
    or read_user(redis.pcall('GET', ARGV[1] .. ':resume:' .. ARGV[i]))
  found[#found + 1] = user and user.name or ''
end
return found
