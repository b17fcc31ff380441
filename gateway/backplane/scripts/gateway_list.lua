-- List the gateways, including dead ones that have not been swept yet.
--
-- KEYS[1]  gateways
-- ARGV[1]  prefix of the keys of users
--
-- Returns  the time in milliseconds since 1970, then four for each gateway: its id, its last report
--          (JSON), the milliseconds that are left of its lease (-2: it has ended), and the number of
--          names it holds
--
-- A script, because it reads two keys for each gateway, and all must be from the same moment.
local found = {whole(now_ms())}
local known = redis.call('HGETALL', KEYS[1])
-- A key of the wrong type affects only its own gateway.
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
