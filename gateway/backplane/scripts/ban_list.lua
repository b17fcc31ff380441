-- List the bans in force, and delete those that have ended.
--
-- KEYS[1]  bans
--
-- Returns  Redis' time in milliseconds, then the bans (JSON)
--
-- Atomic, so that the time is the one by which the bans were checked, and so that a new ban is never
-- deleted in place of one that has ended.
local now = now_ms()
local found = {whole(now)}
local bans = redis.call('HGETALL', KEYS[1])
for i = 1, #bans, 2 do
  -- An unreadable ban is returned as it is: it must not hide the others.
  local readable, ban = pcall(cjson.decode, bans[i + 1])
  local ends = readable and type(ban) == 'table' and ban['until']
  if type(ends) == 'number' and ends <= now then
    redis.call('HDEL', KEYS[1], bans[i])
  else
    found[#found + 1] = bans[i + 1]
  end
end
return found
