-- Show the sessions of one person, without those on dead gateways.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  prefix of the keys of users
--
-- Returns  as the script user_list, without the cursor
--
-- A script, because it reads two keys for each session.
local found, now = {}, now_ms()
local users, lines = read_sessions(redis.call('HGET', KEYS[1], ARGV[1]))
for _, user in ipairs(users) do
  local key = ARGV[2] .. ':alive:' .. user.session
  local alive = redis.call('EXISTS', ARGV[2] .. ':lease:' .. user.gateway) == 1 and redis.pcall('GET', key)
  if type(alive) == 'string' and alive:find('^%d+$') then
    found[#found + 1] = lines[user]
    found[#found + 1] = whole(math.max(0, now - alive))
    found[#found + 1] = tostring(redis.call('PTTL', key))
  end
end
return found
