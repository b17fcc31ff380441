-- Functions for several scripts; this file is put in front of each script.

-- The user of a record; nil if the record cannot be read, for example from another version. An unreadable
-- record must not affect any other.
local function read_user(record)
  local readable, user = pcall(cjson.decode, record)
  if not readable or type(user) ~= 'table' then return nil end
  for _, field in ipairs({'name', 'session', 'gateway', 'origin', 'resume'}) do
    if type(user[field]) ~= 'string' then return nil end
  end
  if type(user.hello) ~= 'number' or user.hello ~= user.hello or math.abs(user.hello) > 2^53 then user.hello = 0 end
  if type(user.began) ~= 'table' then user.began = nil end
  for room, id in pairs(user.began or {}) do
    if type(id) ~= 'string' or not id:find('^%d+%-%d+$') then user.began[room] = nil end
  end
  local rooms = {}
  for _, room in ipairs(type(user.rooms) == 'table' and user.rooms or {}) do
    if type(room) == 'string' then rooms[#rooms + 1] = room end
  end
  user.rooms = rooms
  return user
end

-- Names as a JSON list; cjson would turn an empty list into an object.
local function encode_list(names)
  local quoted = {}
  for i, name in ipairs(names) do quoted[i] = cjson.encode(name) end
  return '[' .. table.concat(quoted, ',') .. ']'
end

-- A user's record as JSON. cjson would write a large count as a fraction, which no gateway could read.
local function encode_user(user)
  local rooms, hello = encode_list(user.rooms), string.format('%.0f', user.hello)
  user.rooms, user.hello = nil, nil
  return '{"rooms":' .. rooms .. ',"hello":' .. hello .. ',' .. cjson.encode(user):sub(2)
end

-- Logs. Ids are "<epoch>-<n>"; within an epoch of a log, n counts up by one.
--
-- A log has lost messages if it is missing, if it was begun in another run of Redis, or if its last id is before one
-- that somebody knows. Then it goes on in a new epoch, so that no id is given twice and nobody takes the next message
-- for the one that follows theirs. A log always remembers its last id, even if it is trimmed to nothing.
--
-- Each log, or all logs of one slot together, have a string "<newest> <run id> <first>": the newest epoch, and the
-- first epoch of that run of Redis. The id before the first of an epoch is the greatest possible id of the epoch
-- before. A reader of a log that does not exist is before the first epoch. If the first epoch is another one when the
-- next message comes, messages in between may be lost.
local GREATEST = '18446744073709551615'
local NOTHING = '0-0'

local function now_ms()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end

local function whole(number)
  return string.format('%.0f', number)
end

local function parts(id)
  local epoch, n = id:match('^(%d+)-(%d+)$')
  return tonumber(epoch), tonumber(n), n
end

-- The epoch of an id; the id before the first of an epoch counts as part of that epoch.
local function epoch_of(id)
  local epoch, _, n = parts(id)
  return n == GREATEST and epoch + 1 or epoch
end

local function is_after(id, other)
  local epoch, n = parts(id)
  local other_epoch, other_n = parts(other)
  return epoch > other_epoch or epoch == other_epoch and n > other_n
end

-- The id before the first of an epoch.
local function before(epoch)
  return whole(epoch - 1) .. '-' .. GREATEST
end

-- The id before an id, within its epoch.
local function previous(id)
  local epoch, n = id:match('^(%d+)-(%d+)$')
  return n == '0' and before(epoch) or epoch .. '-' .. whole(n - 1)
end

-- The last id of a log, even if the message is gone; nil if there is no log. If the key has the wrong type, the second
-- value is the error.
local function last_id(log)
  local info = redis.pcall('XINFO', 'STREAM', log)
  if info.err then
    return nil, tostring(info.err):find('no such key', 1, true) == nil and info or nil
  end
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end

-- The newest epoch, and the first one of this run; until it has begun, the first is above the newest.
local function epochs(key, run, last)
  local kept = redis.pcall('GET', key)
  local newest, of, first = (type(kept) == 'string' and kept or ''):match('^(%d+) (%S+) (%d+)$')
  if of == run then return tonumber(newest), tonumber(first) end
  -- Above what was found, too: its record may have been lost within the same millisecond.
  newest = math.max(now_ms(), newest or 0, epoch_of(last or NOTHING))
  redis.call('SET', key, whole(newest) .. ' ' .. run .. ' ' .. whole(newest + 1), 'KEEPTTL')
  return newest, newest + 1
end

-- Begin a new epoch of a log, above all that is known; returns it, and the first one of this run.
local function begin_epoch(log, key, run, last, known)
  local newest, first = epochs(key, run, last)
  local epoch = newest < first and first or math.max(now_ms(), newest + 1)
  epoch = math.max(epoch, epoch_of(last or NOTHING) + 1)
  -- A position before an epoch does not mean that the epoch exists.
  if is_after(known, before(epoch)) then epoch = epoch_of(known) + 1 end
  -- A log keeps its last id even without messages.
  local start = before(epoch)
  redis.call('XADD', log, start, 'd', '')
  redis.call('XDEL', log, start)
  redis.call('SET', key, whole(epoch) .. ' ' .. run .. ' ' .. whole(first), 'KEEPTTL')
  return epoch, first
end

-- The id after which the next message of a log comes, and the id before the first epoch of this run.
local function tail(log, key, run, known)
  local last, err = last_id(log)
  if err then return NOTHING, NOTHING end
  local _, first = epochs(key, run, last)
  local start = before(first)
  if not last or epoch_of(last) < first then last = start end
  if is_after(known, last) then last = before(begin_epoch(log, key, run, last, known)) end
  return last, start
end

-- Whether an id is above a known one. They usually have the same length, and then compare correctly as text.
local function is_news(id, known)
  if #id == #known and id:find('-', 1, true) == known:find('-', 1, true) then return id > known end
  return is_after(id, known)
end

-- Store the first of some messages, in an epoch (a string), or in a new epoch if that one cannot go on.
-- Returns its id, the pattern for the ids of the next messages, and the id before it.
local function add_first(log, key, run, known, epoch, limit, ...)
  if epoch then
    local start = epoch .. '-*'
    local id = redis.pcall('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', limit, start, ...)
    if type(id) == 'string' then
      if is_news(id, known) then return id, start, previous(id) end
      redis.call('XDEL', log, id)
    end
  end
  local begun, first = begin_epoch(log, key, run, last_id(log), known)
  local start = whole(begun) .. '-*'
  return redis.call('XADD', log, 'MAXLEN', '~', limit, start, ...), start, before(first)
end

-- The newest epoch of a slot with one log, as text; nil if none has begun in this run of Redis.
local function newest_epoch(key, run)
  local record = redis.pcall('GET', key)
  if type(record) ~= 'string' then return nil end
  local newest, of, first = record:match('^(%d+) (%S+) (%d+)$')
  if of ~= run or tonumber(newest) < tonumber(first) then return nil end
  return newest
end

-- Rooms. The meta hash has the fields "version", "created" (the room exists), "kept" (it stays even if it is empty),
-- "moves" (the number of arrivals and departures), "deleted" (the version by which a room of the name was deleted), and
-- the topic, the modes and the key.
--
-- A damaged version counts as none, here and in the gateways: if they disagreed, nothing could be done in the room.
local function version_of(meta)
  local version = redis.call('HGET', meta, 'version')
  return version and #version <= 15 and version:find('^%d+$') and version or '0'
end

-- Give a room a new version, above all earlier ones; returns it.
local function next_version(meta, now)
  local version = whole(math.max(now, (tonumber(version_of(meta)) or 0) + 1))
  redis.call('HSET', meta, 'version', version)
  return version
end

-- Let an empty room expire: later if it has operators, never if it is kept or always exists ('0').
local function end_empty(keys, meta, operators, empty_ms, owned_ms)
  if empty_ms == '0' or redis.call('HEXISTS', meta, 'kept') == 1 then return end
  local left = redis.call('EXISTS', operators) == 1 and owned_ms or empty_ms
  for _, key in ipairs(keys) do redis.call('PEXPIRE', key, left) end
end

-- The session in a member's record; nil if the record cannot be read.
local function session_of(member)
  local readable, record = pcall(cjson.decode, member)
  return readable and type(record) == 'table' and type(record.session) == 'string' and record.session or nil
end

-- The time of a message that is stored now, in milliseconds: never before the time of the last message, which the key
-- holds, even if Redis' clock was set back. The second value is whether nothing was stored before.
local function not_before(key, now)
  local kept = redis.pcall('GET', key)
  local last = type(kept) == 'string' and kept:find('^%d+$') and #kept <= 15 and tonumber(kept)
  return last and last > now and last or now, not kept
end

-- A message as it goes over the wire: its body with id and time in front.
local function with_beginning(id, ts, body)
  return '{"id":"' .. id .. '","ts":' .. ts .. ',' .. body:sub(2)
end

-- Call this before anything is written: a key of the wrong type must refuse the whole call, not half of it.
local function need_set(key)
  redis.call('SCARD', key)
end

-- The last posts of an origin: a string of lines "<seq> <id>", newest last, each after a line end. Lines are appended
-- instead of writing the string anew, because in a quiet chat this is done for each message.
local POSTED_BYTES, LONGEST_LINE = 1664, 52 -- enough for the last 32, however long they are

local function newest_seq(key)
  local lately = redis.pcall('GETRANGE', key, -LONGEST_LINE, -1)
  -- A key of the wrong type is not ours, and must not keep anybody from posting.
  if type(lately) ~= 'string' then
    redis.call('DEL', key)
    lately = ''
  end
  return tonumber(lately:match('\n(%d+) [^\n]*$') or -1)
end

-- The id under which a seq was posted; '' if it is no longer known.
local function posted_as(posted, seq)
  local _, stop = posted:find('\n' .. seq .. ' ', 1, true)
  return stop and posted:match('^%S+', stop + 1) or ''
end

local function keep_posted(key, lines, kept_ms)
  if redis.call('APPEND', key, lines) > 2 * POSTED_BYTES then
    local newest = redis.call('GETRANGE', key, -POSTED_BYTES, -1)
    redis.call('SET', key, newest:sub((newest:find('\n', 1, true))))
  end
  redis.call('PEXPIRE', key, kept_ms)
end

