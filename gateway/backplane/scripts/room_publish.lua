-- Store messages in a room's log, give them their ids, and publish them to everyone in the room.
--
-- KEYS[1]  the room's log
-- ARGV[1]  how many messages the log keeps, roughly
-- ARGV[2]  epoch: the first half of new ids
-- ARGV[3]  the room's channel
-- ARGV[4..]  lines. One that begins with a quote is a message that lacks its beginning,
--            {"id":"<id>", ; any other is published as it is, and not stored
--
-- Returns  the ids of the messages, in order
--
-- Atomic, so that the order of the log, of the ids and of what everyone receives is one order.
local QUOTE = 34
local ids, lines = {}, {}
local next_id = ARGV[2] .. '-*'
for i = 4, #ARGV do
  local line = ARGV[i]
  if line:byte(1) == QUOTE then
    local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], next_id, 'd', line)
    ids[#ids + 1] = id
    line = '{"id":"' .. id .. '",' .. line
  end
  lines[#lines + 1] = line
end
redis.call('SPUBLISH', ARGV[3], table.concat(lines))
return ids
