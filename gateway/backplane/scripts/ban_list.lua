-- List the bans that hold, and forget those that are over.
--
-- KEYS[1]  bans
--
-- Returns  Redis' time in milliseconds, then the bans (JSON)
--
-- Atomic, so that the time is that by which the bans were found to hold, and so that what is
-- forgotten is what was over, and not a ban that was given since.
local now = now_ms()
local found = {whole(now)}
local bans = redis.call('HGETALL', KEYS[1])
for i = 1, #bans, 2 do
  -- One that cannot be read is told as it is: it must not keep the others from being known.
  local readable, ban = pcall(cjson.decode, bans[i + 1])
  local ends = readable and type(ban) == 'table' and ban['until']
  if type(ends) == 'number' and ends <= now then
    redis.call('HDEL', KEYS[1], bans[i])
  else
    found[#found + 1] = bans[i + 1]
  end
end
return found
