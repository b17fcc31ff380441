-- Delete a room, and tell the gateways that have it open.
--
-- KEYS[1]  the room's meta hash
-- KEYS[2]  its members
-- KEYS[3]  operators
-- KEYS[4]  voices
-- KEYS[5]  bans
-- KEYS[6]  muted
-- KEYS[7]  invited
-- KEYS[8]  kicked
-- KEYS[9]  its log
-- KEYS[10] its epochs
-- KEYS[11] its clock
-- KEYS[12] how far its log reaches back
-- KEYS[13] reactions
-- ARGV[1]  the room's channel
-- ARGV[2]  milliseconds that it is remembered that the room was deleted
-- ARGV[3]  Redis' run id
--
-- Returns  how many people were in it; -1 if it does not exist
--
-- The version is kept for a while. By it every gateway, even one that was away, sees that the room was deleted and
-- that Redis has not merely lost it. A new room of the name remembers it, too: who was in the deleted one is not in it.
--
-- Atomic, so that nothing is stored in a room that is half deleted.
local meta = KEYS[1]
if redis.call('HEXISTS', meta, 'created') == 0 then return -1 end
local people = redis.call('HLEN', KEYS[2])
local last = tail(KEYS[9], KEYS[10], ARGV[3], NOTHING)
local moves = redis.call('HGET', meta, 'moves')
local version = next_version(meta, now_ms())
redis.call('DEL', meta, KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11],
  KEYS[12], KEYS[13])
redis.call('HSET', meta, 'version', version, 'deleted', version, 'moves', moves or '0')
redis.call('PEXPIRE', meta, ARGV[2])
redis.call('SPUBLISH', ARGV[1], '=' .. version .. ' ' .. last .. '\n')
return people
