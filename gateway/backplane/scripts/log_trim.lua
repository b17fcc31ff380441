-- Forget messages of a log that are too old, a bounded number of them.
--
-- KEYS[1]  the log
-- ARGV[1]  milliseconds that a message is kept
-- ARGV[2]  how many are forgotten at the most
--
-- Returns  how many were forgotten
--
-- A script, since the age stands in the messages: their ids count, and do not tell the time.
local AT_ONCE = 100
local oldest, most = now_ms() - ARGV[1], tonumber(ARGV[2])
-- Nearly always nothing is too old: then one message tells it.
local forgotten, count = 0, 1
while forgotten < most do
  local page = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', count)
  local last
  for _, entry in ipairs(page) do
    if (tonumber(entry[2][4]) or 0) >= oldest then break end
    last = entry[1]
    forgotten = forgotten + 1
  end
  if not last then break end
  local epoch, n = last:match('^(%d+)-(%d+)$')
  redis.call('XTRIM', KEYS[1], 'MINID', epoch .. '-' .. whole(n + 1))
  count = math.min(AT_ONCE, most - forgotten)
end
return forgotten
