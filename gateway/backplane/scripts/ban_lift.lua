-- Lift a ban, and tell all gateways.
--
-- KEYS[1]  bans
-- KEYS[2]  gateways
-- ARGV[1]  what the ban is called in the hash
-- ARGV[2]  what the channels of gateways begin with
--
-- Returns  {the ban (JSON), the ids of gateways that did not hear of it...}; {} if there is none
--
-- Atomic, so that a gateway that hears of it does not find it any more.
local ban = redis.call('HGET', KEYS[1], ARGV[1])
if not ban then return {} end
redis.call('HDEL', KEYS[1], ARGV[1])
local reply = {ban}
for _, gateway in ipairs(redis.call('HKEYS', KEYS[2])) do
  if redis.call('SPUBLISH', ARGV[2] .. gateway, 'bans') == 0 then reply[#reply + 1] = gateway end
end
return reply
