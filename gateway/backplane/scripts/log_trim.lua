-- Delete messages of a log that are too old, a limited number at a time.
--
-- KEYS[1]  the log
-- ARGV[1]  milliseconds that a message is kept
-- ARGV[2]  the most messages to delete
--
-- Returns  how many were deleted
--
-- A script, because the time is in the messages and not in their ids.
local BATCH = 100
local oldest, most = now_ms() - ARGV[1], tonumber(ARGV[2])
-- Usually nothing is too old, and one message is enough to see that.
local deleted, count = 0, 1
while deleted < most do
  local page = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', count)
  local last
  for _, entry in ipairs(page) do
    if (tonumber(entry[2][4]) or 0) >= oldest then break end
    last = entry[1]
    deleted = deleted + 1
  end
  if not last then break end
  local epoch, n = last:match('^(%d+)-(%d+)$')
  redis.call('XTRIM', KEYS[1], 'MINID', epoch .. '-' .. whole(n + 1))
  count = math.min(BATCH, most - deleted)
end
return deleted
