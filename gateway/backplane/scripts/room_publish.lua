-- Store messages in a room's log, give them their ids, and publish them to everyone in the room.
--
-- KEYS[1]  the room's log
-- ARGV[1]  how many messages the log keeps, roughly
-- ARGV[2]  epoch: the first half of new ids
-- ARGV[3]  the room's channel
-- ARGV[4]  what the keys begin with that hold each origin's last seq
-- ARGV[5]  milliseconds for which those are kept
-- ARGV[6]  until when the lease of the gateway holds, milliseconds since 1970; '' for no lease
-- ARGV[7..]  lines:  {...            an event: published as it is, and not stored
--                    "...            a message that lacks its beginning, {"id":"<id>",
--                    ORIGIN SEQ "..  the same, and not to be posted twice
--
-- Returns  for each message its id; '' for one whose seq is not new, and which is not found.
--          'LATE' if the lease may have run out: its names may be somebody else's, and nothing
--          was posted
--
-- Atomic, so that the order of the log, of the ids and of what everyone receives is one order, and
-- so that of two attempts to post a message one is the first.
--
-- What is published begins with a line of its own, "<previous id> <last id>", empty if no
-- message is in it: who receives it sees at once whether something was lost before it.
local BRACE, QUOTE = 123, 34
local LOOK_BACK = 1000

local function posted(origin, seq)
  -- Newest first: who asks again asks for what was just posted.
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', LOOK_BACK)) do
    local fields = entry[2]
    if fields[5] == 'o' and fields[6] == origin and fields[8] == seq then return entry[1] end
  end
  return ''
end

local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
if ARGV[6] ~= '' and tonumber(now) > tonumber(ARGV[6]) then
  return 'LATE'
end
local next_id = ARGV[2] .. '-*'
local last_seq, ids, lines = {}, {}, {''}
local first, last
for i = 7, #ARGV do
  local line = ARGV[i]
  if line:byte(1) == BRACE then
    lines[#lines + 1] = line
  else
    local id, origin, seq
    local stored = true
    if line:byte(1) ~= QUOTE then
      origin, seq, line = line:match('^(%x+) (%d+) (.*)$')
      local key = ARGV[4] .. origin
      if last_seq[origin] == nil then last_seq[origin] = tonumber(redis.call('GET', key) or -1) end
      if tonumber(seq) <= last_seq[origin] then
        id, stored = posted(origin, seq), false
      else
        last_seq[origin] = tonumber(seq)
        redis.call('SET', key, seq, 'PX', ARGV[5])
        id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], next_id,
          'd', line, 't', now, 'o', origin, 's', seq)
      end
    else
      id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], next_id, 'd', line, 't', now)
    end
    ids[#ids + 1] = id
    if stored then
      first, last = first or id, id
      lines[#lines + 1] = '{"id":"' .. id .. '",' .. line
    end
  end
end
if #lines > 1 then
  if first then
    local epoch, n = first:match('(%d+)-(%d+)')
    -- Before the first of an epoch comes the greatest id that there could have been.
    local previous = n == '0' and string.format('%.0f-18446744073709551615', epoch - 1)
      or epoch .. '-' .. string.format('%.0f', n - 1)
    lines[1] = previous .. ' ' .. last
  end
  lines[1] = lines[1] .. '\n'
  redis.call('SPUBLISH', ARGV[3], table.concat(lines))
end
return ids
