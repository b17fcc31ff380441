-- List some of the users with their sessions, without the sessions on dead gateways.
--
-- KEYS[1]  users
-- ARGV[1]  cursor: '0' at first, then the one that the last call returned
-- ARGV[2]  about how many
-- ARGV[3]  prefix of the keys of users
--
-- Returns  the next cursor ('0' at the end), then three for each session: the record (JSON), milliseconds
--          since the last activity, milliseconds of inactivity left (-1: no end). All sessions of a name
--          come together, the oldest first
--
-- A script, because it reads two keys for each session; the cursor keeps each call short.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local now = now_ms()
local leases, found = {}, {page[1]}
for i = 2, #page[2], 2 do
  local users, lines = read_sessions(page[2][i])
  for _, user in ipairs(users) do
    local gateway = user.gateway
    if leases[gateway] == nil then
      leases[gateway] = redis.call('EXISTS', ARGV[3] .. ':lease:' .. gateway) == 1
    end
    local key = ARGV[3] .. ':alive:' .. user.session
    local alive = leases[gateway] and redis.pcall('GET', key)
    -- A key that is not ours is skipped; if we may not read it, the whole call fails.
    if type(alive) == 'table' and not alive.err:find('^WRONGTYPE') then return alive end
    if type(alive) == 'string' and alive:find('^%d+$') then
      found[#found + 1] = lines[user]
      found[#found + 1] = whole(math.max(0, now - alive))
      found[#found + 1] = tostring(redis.call('PTTL', key))
    end
  end
end
return found
