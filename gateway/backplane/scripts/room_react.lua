-- React to a message of a room, or take a reaction back, and tell everybody in it.
--
-- KEYS[1]  the room's log
-- KEYS[2]  its epochs
-- KEYS[3]  the room's meta hash
-- KEYS[4]  its clock
-- KEYS[5]  the reactions
-- ARGV[1]  roughly how many messages the log keeps
-- ARGV[2]  Redis' run id
-- ARGV[3]  the last id of the log that the gateway knows
-- ARGV[4]  the room's channel
-- ARGV[5]  the version of the room's state by which it is allowed
-- ARGV[6]  the id of the message
-- ARGV[7]  the emoji
-- ARGV[8]  the person who reacts: an account, or a guest's folded name
-- ARGV[9]  the same as it is shown
-- ARGV[10] '1' to react, '' to take it back
-- ARGV[11] the event that tells it, JSON without id, ts and "count"
--
-- Returns  the id of the event; '' if that was so already. 'CHANGED' if the room has another version, 'NONE' if the log
--          does not have the message, 'MANY' if it has too many reactions: then nothing was done
--
-- Atomic, so that the count is right, and each person is counted once.
if version_of(KEYS[3]) ~= ARGV[5] then return 'CHANGED' end
if not read_entry(KEYS[1], ARGV[6]) then return 'NONE' end
local count = react(KEYS[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10] == '1')
if count == nil then return '' end
if not count then return 'MANY' end
forget_reactions(KEYS[5], KEYS[1])

local body = '{"count":' .. count .. ',' .. ARGV[11]:sub(2)
local ts = whole(not_before(KEYS[4], now_ms()))
local id, _, behind = add_first(
  KEYS[1], KEYS[2], ARGV[2], ARGV[3], newest_epoch(KEYS[2], ARGV[2]), ARGV[1], 'd', body, 't', ts, 'o', '*')
redis.call('SET', KEYS[4], ts, 'KEEPTTL')
redis.call('SPUBLISH', ARGV[4], behind .. ' ' .. id .. '\n' .. with_beginning(id, ts, body))
return id
