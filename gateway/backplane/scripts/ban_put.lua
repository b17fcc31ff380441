-- Ban somebody, and tell all gateways.
--
-- KEYS[1]  bans
-- KEYS[2]  gateways
-- ARGV[1]  the ban's field in the hash
-- ARGV[2]  milliseconds that it lasts; 0 for no end
-- ARGV[3]  the ban, JSON without its beginning, {"since":<since>,"until":<until>,
-- ARGV[4]  prefix of the channels of gateways
--
-- Returns  {the ban (JSON), the ids of gateways that did not hear about it...}
--
-- Atomic, so that a gateway that hears about it finds it. A script, because its times are by Redis'
-- clock.
local now = now_ms()
local ends = ARGV[2] == '0' and 'null' or whole(now + ARGV[2])
local ban = '{"since":' .. whole(now) .. ',"until":' .. ends .. ',' .. ARGV[3]
redis.call('HSET', KEYS[1], ARGV[1], ban)
local reply = {ban}
for _, gateway in ipairs(redis.call('HKEYS', KEYS[2])) do
  if redis.call('SPUBLISH', ARGV[4] .. gateway, 'bans') == 0 then reply[#reply + 1] = gateway end
end
return reply
