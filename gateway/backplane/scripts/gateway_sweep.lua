-- Take the names of a dead gateway away, some at a time.
--
-- KEYS[1]  its lease
-- KEYS[2]  users
-- KEYS[3]  the set of names that it held
-- KEYS[4]  gateways
-- KEYS[5]  accounts
-- ARGV[1]  its id
-- ARGV[2]  the most names to take
-- ARGV[3]  prefix of the keys of users
-- ARGV[4]  milliseconds in which the sessions can be resumed
-- ARGV[5]  milliseconds that private messages of a registered name are kept
--
-- Returns  the number of names that are left, then the records (JSON) of the sessions that were on it;
--          with no names left the gateway is deleted. {0} if the gateway is alive
--
-- Atomic, so that if several gateways sweep, only one of them gets each session and tells the rooms.
local gone = {0}
if redis.call('EXISTS', KEYS[1]) == 1 then return gone end
local now = now_ms()
for _, name in ipairs(redis.call('SPOP', KEYS[3], ARGV[2])) do
  local text = redis.call('HGET', KEYS[2], name) or ''
  local users, lines = read_sessions(text)
  local rest = #users
  for _, user in ipairs(users) do
    if user.gateway == ARGV[1] then
      text, rest = replace_line(text, lines[user]), rest - 1
      redis.call('DEL', ARGV[3] .. ':alive:' .. user.session)
      add_left(ARGV[3], name, lines[user], tonumber(ARGV[4]), now)
      keep_mail(ARGV[3], name, user, ARGV[5])
      gone[#gone + 1] = lines[user]
    end
  end
  if rest < #users then
    write_text(KEYS[2], name, text)
    if rest == 0 then
      expire_log(ARGV[3], name, redis.call('HEXISTS', KEYS[5], name) == 1 and ARGV[5] or ARGV[4])
    end
  end
end
gone[1] = redis.call('SCARD', KEYS[3])
if gone[1] == 0 then redis.call('HDEL', KEYS[4], ARGV[1]) end
return gone
