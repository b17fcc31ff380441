-- Read the private messages of one reader from the log, some at a time.
--
-- KEYS[1]  the private log
-- ARGV[1]  the reader's folded name
-- ARGV[2]  the id after which to read
-- ARGV[3]  how many messages to look at
--
-- Returns  the id up to which was looked ('' if there was nothing), then two for each message
--          found: its id, and its line without its beginning, {"id":"<id>",
--
-- A script, since what others wrote to each other need not leave Redis.
local found = {''}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[2], '+', 'COUNT', ARGV[3])) do
  local fields = entry[2]
  found[1] = entry[1]
  if fields[6]:find(' ' .. ARGV[1] .. ' ', 1, true) then
    found[#found + 1] = entry[1]
    found[#found + 1] = fields[2]
  end
end
return found
