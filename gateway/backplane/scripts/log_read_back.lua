-- Read some messages of a log, newest first.
--
-- KEYS[1]  the log
-- ARGV[1]  the id before which to read; '' for the end
-- ARGV[2]  the most messages to read
-- ARGV[3]  bytes after which to stop
--
-- Returns  1 if there is nothing before them, else 0; then three for each message: its id, its time and its body
--
-- A script, because messages differ in size by a factor of a thousand, so only reading shows how many are enough.
local BATCH = 16
local most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local found, at = {0}, ARGV[1] == '' and '+' or '(' .. ARGV[1]
while most > 0 and bytes > 0 do
  local page = redis.call('XREVRANGE', KEYS[1], at, '-', 'COUNT', math.min(BATCH, most))
  for _, entry in ipairs(page) do
    local fields = entry[2]
    local body = fields[1] == 'd' and fields[2] or ''
    found[#found + 1] = entry[1]
    found[#found + 1] = fields[3] == 't' and fields[4] or ''
    found[#found + 1] = body
    at, bytes, most = '(' .. entry[1], bytes - #body, most - 1
  end
  if #page < BATCH then break end
end
if #redis.call('XREVRANGE', KEYS[1], at, '-', 'COUNT', 1) == 0 then found[1] = 1 end
return found
