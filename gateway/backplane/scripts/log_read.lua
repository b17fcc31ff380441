-- Read some messages of a log, oldest first.
--
-- KEYS[1]  the log
-- KEYS[2]  its epochs
-- KEYS[3]  how far it reaches back
-- ARGV[1]  the id after which to read
-- ARGV[2]  the most messages to read
-- ARGV[3]  bytes after which to stop
-- ARGV[4]  Redis' run id
--
-- Returns  the id after which the next message comes; the position of readers from before the log began; 1 if there
--          is more, else 0; 1 if what is missing in between was deleted, 0 if it may be lost; then three for each
--          message: its id, its time and its body
--
-- A script, because messages differ in size by a factor of a thousand, so only reading shows how many are enough.
-- Atomic, so that a message missing at the end is really missing, and not under way.
local BATCH = 8
local most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local last, start = tail(KEYS[1], KEYS[2], ARGV[4], NOTHING)
local from = complete_from(KEYS[1], KEYS[3], last)
-- A reader from before the log began has missed nothing that was in it from the first id of an epoch on.
local is_whole = not is_after(from, ARGV[1]) or ARGV[1] == start and from == before(epoch_of(from))
local found, at, more = {last, start, 0, is_whole and 1 or 0}, ARGV[1], true
while more do
  local left = math.min(BATCH, most - (#found - 4) / 3)
  if left <= 0 or bytes <= 0 then
    if is_after(last, at) then found[3] = 1 end
    break
  end
  local page = redis.call('XRANGE', KEYS[1], '(' .. at, '+', 'COUNT', left)
  for _, entry in ipairs(page) do
    local fields = entry[2]
    local body = fields[1] == 'd' and fields[2] or ''
    found[#found + 1] = entry[1]
    found[#found + 1] = fields[3] == 't' and fields[4] or ''
    found[#found + 1] = body
    at, bytes = entry[1], bytes - #body
  end
  more = #page == left
end
return found
