-- List some of the users, without those on dead gateways.
--
-- KEYS[1]  users
-- ARGV[1]  cursor: '0' at first, then the one that the last call returned
-- ARGV[2]  about how many
-- ARGV[3]  prefix of the keys of users
--
-- Returns  the next cursor ('0' at the end), then three for each user: the record (JSON), milliseconds
--          since the last activity, milliseconds of inactivity left (-1: no end)
--
-- A script, because it reads three keys for each user; the cursor keeps each call short.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local now = now_ms()
local leases, found = {}, {page[1]}
for i = 1, #page[2], 2 do
  local name, record = page[2][i], page[2][i + 1]
  local user = read_user(record)
  local gateway = user and user.gateway
  if user and leases[gateway] == nil then
    leases[gateway] = redis.call('EXISTS', ARGV[3] .. ':lease:' .. gateway) == 1
  end
  local key = ARGV[3] .. ':alive:' .. name
  local alive = user and leases[gateway] and redis.pcall('GET', key)
  -- A key that is not ours is skipped; if we may not read it, the whole call fails.
  if type(alive) == 'table' and not alive.err:find('^WRONGTYPE') then return alive end
  if type(alive) == 'string' and alive:find(' %d+$') then
    found[#found + 1] = record
    found[#found + 1] = whole(math.max(0, now - alive:match(' (%d+)$')))
    found[#found + 1] = tostring(redis.call('PTTL', key))
  end
end
return found
