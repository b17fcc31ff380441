-- Ban somebody, and tell all gateways.
--
-- KEYS[1]  bans
-- KEYS[2]  gateways
-- ARGV[1]  what the ban is called in the hash
-- ARGV[2]  milliseconds for which it holds; 0 for no end
-- ARGV[3]  the ban, JSON without its beginning, {"since":<since>,"until":<until>,
-- ARGV[4]  what the channels of gateways begin with
--
-- Returns  {the ban (JSON), the ids of gateways that did not hear of it...}
--
-- Atomic, so that a gateway that hears of it finds it; and a script, since its times are by Redis'
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
