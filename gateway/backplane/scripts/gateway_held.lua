-- List the users that Redis has for a gateway, some at a time.
--
-- KEYS[1]  the set of names that it holds
-- KEYS[2]  users
-- ARGV[1]  its id
-- ARGV[2]  cursor: '0' at first, then the one that the last call returned
-- ARGV[3]  about how many
--
-- Returns  the next cursor ('0' at the end), then the records of its sessions, JSON
--
-- Atomic, so that a name is not removed from the set, for want of a record, while the gateway is
-- claiming it.
local page = redis.call('SSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local found = {page[1]}
for _, name in ipairs(page[2]) do
  local users, lines = read_sessions(redis.call('HGET', KEYS[2], name))
  local before = #found
  for _, user in ipairs(users) do
    if user.gateway == ARGV[1] then found[#found + 1] = lines[user] end
  end
  if #found == before then redis.call('SREM', KEYS[1], name) end
end
return found
