-- Record how far a person has read in a room.
--
-- KEYS[1]  the marks of the account: room -> id
-- ARGV[1]  the room
-- ARGV[2]  the id
-- ARGV[3]  the most rooms
-- ARGV[4]  milliseconds that marks are kept
--
-- Returns  1 if the mark has moved, else 0
--
-- Atomic, so that a mark never goes back.
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and before:find('^%d+%-%d+$') and not is_after(ARGV[2], before) then return 0 end
if not before and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  local oldest, since
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local id = all[i + 1]:find('^%d+%-%d+$') and all[i + 1] or NOTHING
    if not since or is_after(since, id) then oldest, since = all[i], id end
  end
  redis.call('HDEL', KEYS[1], oldest)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
