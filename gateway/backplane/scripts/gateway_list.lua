-- List the gateways, dead ones that nobody has swept yet included.
--
-- KEYS[1]  gateways
-- ARGV[1]  what the keys of users begin with
--
-- Returns  this moment in milliseconds since 1970, then four for each gateway: id, what it told of
--          itself last (JSON), milliseconds of its lease that are left (-2: it is gone), and how
--          many names it holds
--
-- A script, since it reads two keys for each gateway, and what is said of them must be of one moment.
local found = {whole(now_ms())}
local known = redis.call('HGETALL', KEYS[1])
-- A key of another type costs itself only.
for i = 1, #known, 2 do
  local lease = ARGV[1] .. ':lease:' .. known[i]
  local told = redis.pcall('GET', lease)
  local names = redis.pcall('SCARD', ARGV[1] .. ':held:' .. known[i])
  found[#found + 1] = known[i]
  found[#found + 1] = type(told) == 'string' and told or known[i + 1]
  found[#found + 1] = tostring(redis.call('PTTL', lease))
  found[#found + 1] = tostring(type(names) == 'number' and names or 0)
end
return found
