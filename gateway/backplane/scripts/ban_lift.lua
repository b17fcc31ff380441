-- Lift a ban, and tell all gateways.
--
-- KEYS[1]  bans
-- KEYS[2]  gateways
-- ARGV[1]  the ban's field in the hash
-- ARGV[2]  prefix of the channels of gateways
--
-- Returns  {the ban (JSON), the ids of gateways that did not hear about it...}; {} if there is no such
--          ban
--
-- Atomic, so that a gateway that hears about it no longer finds the ban.
local ban = redis.call('HGET', KEYS[1], ARGV[1])
if not ban then return {} end
redis.call('HDEL', KEYS[1], ARGV[1])
local reply = {ban}
for _, gateway in ipairs(redis.call('HKEYS', KEYS[2])) do
  if redis.call('SPUBLISH', ARGV[2] .. gateway, 'bans') == 0 then reply[#reply + 1] = gateway end
end
return reply
