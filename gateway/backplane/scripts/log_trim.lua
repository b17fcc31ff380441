-- Forget the messages of a log that are too old.
--
-- KEYS[1]  the log
-- ARGV[1]  milliseconds that a message is kept
--
-- Returns  how many messages were forgotten
--
-- A script, since the age stands in the messages: their ids count, and do not tell the time.
local PAGE = 100
local clock = redis.call('TIME')
local oldest = clock[1] * 1000 + math.floor(clock[2] / 1000) - ARGV[1]
local forgotten = 0
while true do
  local page = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', PAGE)
  local last
  for _, entry in ipairs(page) do
    if tonumber(entry[2][4]) >= oldest then break end
    last = entry[1]
    forgotten = forgotten + 1
  end
  if not last then return forgotten end
  local epoch, n = last:match('(%d+)-(%d+)')
  redis.call('XTRIM', KEYS[1], 'MINID', epoch .. '-' .. string.format('%.0f', n + 1))
end
