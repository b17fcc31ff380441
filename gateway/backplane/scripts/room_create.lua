-- Make a room that is kept even if it is empty, or keep one that exists already.
--
-- KEYS[1]  the room's meta hash
-- KEYS[2]  its members
-- KEYS[3]  operators
-- KEYS[4]  voices
-- KEYS[5]  bans
-- KEYS[6]  muted
-- KEYS[7]  invited
-- KEYS[8]  its log
-- KEYS[9]  its epochs
-- KEYS[10] its clock
--
-- Returns  1 if there was no such room, else 0
--
-- Atomic, so that a room that is about to end either ends before this or is kept.
local meta = KEYS[1]
local new = redis.call('HEXISTS', meta, 'created') == 0
if new then
  local now = now_ms()
  redis.call('HSET', meta, 'created', whole(now))
  next_version(meta, now)
end
redis.call('HSET', meta, 'kept', '1')
for _, key in ipairs({
  meta, KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10],
}) do
  redis.call('PERSIST', key)
end
return new and 1 or 0
