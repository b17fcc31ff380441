-- Delete messages of a room, and tell everybody in it.
--
-- KEYS[1]  the room's log
-- KEYS[2]  its epochs
-- KEYS[3]  the room's meta hash
-- KEYS[4]  its clock
-- KEYS[5]  how far the log reaches back
-- KEYS[6]  the reactions
-- ARGV[1]  roughly how many messages the log keeps
-- ARGV[2]  Redis' run id
-- ARGV[3]  the last id of the log that the caller knows
-- ARGV[4]  the room's channel
-- ARGV[5]  the version of the room's state by which it is allowed
-- ARGV[6]  the only author whose messages may be deleted; '' for any
-- ARGV[7]  milliseconds that a message may be old; '' for any
-- ARGV[8]  the event that tells it, JSON without id and ts, and without "targets" and "from": "op" comes first
-- ARGV[9]  '1' to delete all messages up to the end of the log
-- ARGV[10..]  the ids of the messages
--
-- Returns  {the id of the event, the name of the author, or '' if there are several}. 'CHANGED' if the room has another
--          version, 'NONE' if the log does not have one of the messages, 'OLD' if it is too old, 'OTHER' if it is of
--          another author: then nothing was done
--
-- Atomic, so that nobody reads a message after its tombstone, and nothing is deleted by outdated rules.
local log = KEYS[1]
if version_of(KEYS[3]) ~= ARGV[5] then return 'CHANGED' end
local clock = now_ms()
local ids, from = {}, nil
for i = 10, #ARGV do
  local body, ts, author = read_entry(log, ARGV[i])
  if not body then return 'NONE' end
  if ARGV[6] ~= '' and author ~= ARGV[6] then return 'OTHER' end
  if ARGV[7] ~= '' and clock - ts > tonumber(ARGV[7]) then return 'OLD' end
  from = (from == nil or from == body.from) and body.from or ''
  ids[#ids + 1] = ARGV[i]
end
local more = '{"targets":' .. encode_list(ids) .. ',"from":' .. cjson.encode(from or '') .. ','
if ARGV[9] == '1' then
  local upto = tail(log, KEYS[2], ARGV[2], ARGV[3])
  more = more .. '"upto":"' .. upto .. '",'
  delete_entries(log, KEYS[5])
  redis.call('DEL', KEYS[6])
else
  delete_entries(log, KEYS[5], ids)
  redis.call('HDEL', KEYS[6], unpack(ids))
end

local body, ts = more .. ARGV[8]:sub(2), whole(not_before(KEYS[4], clock))
local id, _, behind = add_first(
  log, KEYS[2], ARGV[2], ARGV[3], newest_epoch(KEYS[2], ARGV[2]), ARGV[1], 'd', body, 't', ts, 'o', '*')
redis.call('SET', KEYS[4], ts, 'KEEPTTL')
redis.call('SPUBLISH', ARGV[4], behind .. ' ' .. id .. '\n' .. with_beginning(id, ts, body))
return {id, from or ''}
