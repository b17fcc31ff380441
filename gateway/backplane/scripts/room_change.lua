-- Change a room's state, and store the event in its log.
--
-- KEYS[1]  the room's meta hash: its modes, topic and key
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
-- ARGV[1]  the version by which this was decided
-- ARGV[2]  roughly how many messages the log keeps
-- ARGV[3]  Redis' run id
-- ARGV[4]  the last id of the log that the caller knows
-- ARGV[5]  the room's channel
-- ARGV[6]  milliseconds that an empty room is kept; '0' for a room that always exists
-- ARGV[7]  milliseconds that an empty room with operators is kept
-- ARGV[8]  the event, JSON without id and ts; '' for none: then only gateways are told
-- ARGV[9]  the folded name of the person who is put out; '' for nobody
-- ARGV[10] the event that tells about it, a line
-- ARGV[11] milliseconds that it is remembered who was put out
-- ARGV[12] '1': all members count as invited
-- ARGV[13..]  three for each edit: 'meta', 'operators', 'voices', 'bans', 'muted', 'invited' or 'kicked'; the
--             entry; its new value after a '=', or '-' to remove it
--
-- Returns  {the id of the event, or the last id of the log if there is no event; the new version}. 'CHANGED' if the
--          room has another version, 'NONE' if it does not exist: then nothing was done
--
-- Atomic, so that if two changes are decided from one state only one is made, and so that the next message
-- that is stored is one that the new rules allow.
local meta, members = KEYS[1], KEYS[2]
local keys = {
  meta, members, KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11],
  KEYS[12], KEYS[13],
}
if version_of(meta) ~= ARGV[1] then return 'CHANGED' end
if ARGV[6] ~= '0' and redis.call('HEXISTS', meta, 'created') == 0 then return 'NONE' end
local parts = {
  ['meta'] = meta, ['operators'] = KEYS[3], ['voices'] = KEYS[4], ['bans'] = KEYS[5], ['muted'] = KEYS[6],
  ['invited'] = KEYS[7], ['kicked'] = KEYS[8],
}
-- Check all keys before anything is written: one of the wrong type must refuse the whole call.
for _, key in pairs(parts) do redis.call('HLEN', key) end
local people = redis.call('HLEN', members)

local now = now_ms()
local id, _, behind
if ARGV[8] == '' then
  id = tail(KEYS[9], KEYS[10], ARGV[3], ARGV[4])
else
  local ts = whole(not_before(KEYS[11], now))
  id, _, behind = add_first(
    KEYS[9], KEYS[10], ARGV[3], ARGV[4], newest_epoch(KEYS[10], ARGV[3]), ARGV[2], 'd', ARGV[8], 't', ts, 'o', '*')
  redis.call('SET', KEYS[11], ts, 'KEEPTTL')
  redis.call('SPUBLISH', ARGV[5], behind .. ' ' .. id .. '\n' .. with_beginning(id, ts, ARGV[8]))
end

if ARGV[9] ~= '' and redis.call('HLEN', parts.kicked) >= 500 then redis.call('DEL', parts.kicked) end
for i = 13, #ARGV, 3 do
  local key, entry, value = parts[ARGV[i]], ARGV[i + 1], ARGV[i + 2]
  if value == '-' then
    redis.call('HDEL', key, entry)
  else
    redis.call('HSET', key, entry, value:sub(2))
  end
end
if ARGV[12] == '1' then
  local all = redis.call('HGETALL', members)
  for i = 1, #all, 2 do
    local member = read_members(all[i + 1])[1]
    if member then
      -- The invitation of an account is for any session of it, under any of its names.
      local origin = member.account and '' or member.origin
      local invitation = '{"v":1,"name":' .. cjson.encode(member.name) .. ',"origin":' .. cjson.encode(origin) .. '}'
      redis.call('HSETNX', parts.invited, member.account or all[i], invitation)
    end
  end
end
local version = next_version(meta, now)
-- First, so that nobody who is put out is told to have left: such people hear nothing behind this.
redis.call('SPUBLISH', ARGV[5], '=' .. version .. ' ' .. id .. '\n')

local member = ARGV[9] ~= '' and redis.call('HGET', members, ARGV[9])
if member then
  redis.call('HDEL', members, ARGV[9])
  people = people - 1
  -- So that a session whose connection breaks now cannot come back into the room by resuming.
  local was = read_members(member)[1]
  if was then redis.call('HSET', parts.kicked, ARGV[9], was.account and '' or was.origin) end
  local moves = whole((tonumber(redis.call('HGET', meta, 'moves') or 0) or 0) + 1)
  redis.call('HSET', meta, 'moves', moves)
  redis.call('SPUBLISH', ARGV[5], '+' .. moves .. ' ' .. id .. '\n' .. ARGV[10])
end
redis.call('PEXPIRE', parts.kicked, ARGV[11])
if people == 0 then end_empty(keys, meta, KEYS[3], ARGV[6], ARGV[7]) end
return {id, version}
