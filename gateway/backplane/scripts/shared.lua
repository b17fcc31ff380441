-- Functions for several scripts. What a script needs of them is put in front of it.

local function now_ms()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end

local function whole(number)
  return string.format('%.0f', number)
end

-- The record of a session; nil if it cannot be read, for example since it is of another version. An unreadable record
-- must not affect any other.
local VERSION = 1

-- A record without a version is older than versions, and has the form of the first.
local function is_readable(readable, record)
  return readable and type(record) == 'table' and (record.v or 1) == VERSION
end

local function read_user(record)
  local readable, user = pcall(cjson.decode, record)
  if not is_readable(readable, user) then return nil end
  for _, field in ipairs({'name', 'session', 'gateway', 'origin', 'resume'}) do
    if type(user[field]) ~= 'string' then return nil end
  end
  if type(user.hello) ~= 'number' or user.hello ~= user.hello or math.abs(user.hello) > 2^53 then user.hello = 0 end
  if type(user.account) ~= 'string' then user.account = nil end
  if type(user.away) ~= 'string' then user.away = nil end
  if type(user.mail) ~= 'string' or not user.mail:find('^%d+%-%d+$') then user.mail = nil end
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

-- All sessions of a name are kept as one text: a line for each, its record in JSON, the oldest first. A line that cannot
-- be read stays as it is when others come and go.

-- The records that can be read, and record -> line.
local function read_sessions(text)
  local users, lines = {}, {}
  for line in (type(text) == 'string' and text or ''):gmatch('[^\n]+') do
    local user = read_user(line)
    if user then
      users[#users + 1] = user
      lines[user] = line
    end
  end
  return users, lines
end

-- Record that somebody was active some milliseconds ago, and when that counts for nothing; '0' for never.
local function keep_active(key, now, ago, limit)
  if limit == '0' then
    redis.call('SET', key, whole(now - ago))
  else
    redis.call('SET', key, whole(now - ago), 'PX', math.max(1, limit - ago))
  end
end

-- The record of one session in such a text, and its line.
local function find_session(text, session)
  local users, lines = read_sessions(text)
  for _, user in ipairs(users) do
    if user.session == session then return user, lines[user] end
  end
end

-- The text without a line, or with another one in its place.
local function replace_line(text, line, other)
  local kept = {}
  for each in text:gmatch('[^\n]+') do
    if each ~= line then
      kept[#kept + 1] = each
    elseif other then
      kept[#kept + 1] = other
    end
  end
  return table.concat(kept, '\n')
end

local function add_line(text, line)
  return text == '' and line or text .. '\n' .. line
end

local function write_text(hash, field, text)
  if text == '' then redis.call('HDEL', hash, field) else redis.call('HSET', hash, field, text) end
end

-- A name is in the set of each gateway that has a session of it.
local function forget_held(prefix, gateway, name, text)
  for _, user in ipairs((read_sessions(text))) do
    if user.gateway == gateway then return end
  end
  redis.call('SREM', prefix .. ':held:' .. gateway, name)
end

-- The sessions of a name that have left and may still be resumed: a text of lines "<until, ms> <record>". Returns the
-- records that can be read, and record -> line.
local function read_left(text, now)
  local users, lines = {}, {}
  for line in (type(text) == 'string' and text or ''):gmatch('[^\n]+') do
    local till, record = line:match('^(%d+) (.*)$')
    local user = till and tonumber(till) > now and read_user(record)
    if user then
      users[#users + 1] = user
      lines[user] = line
    end
  end
  return users, lines
end

-- Write such lines, without those whose time is over; at most the newest of them.
local MOST_LEFT = 20

local function write_left(key, text, now)
  local kept, last = {}, 0
  for line in text:gmatch('[^\n]+') do
    local till = tonumber(line:match('^(%d+) ') or 0)
    if till > now then
      kept[#kept + 1] = line
      last = math.max(last, till)
    end
  end
  if #kept == 0 then
    redis.call('DEL', key)
  else
    redis.call('SET', key, table.concat(kept, '\n', math.max(1, #kept - MOST_LEFT + 1)), 'PX', whole(last - now))
  end
end

-- A session has left, and may be resumed within some milliseconds.
local function add_left(prefix, name, record, kept_ms, now)
  local key = prefix .. ':resume:' .. name
  local text = redis.pcall('GET', key)
  write_left(key, add_line(type(text) == 'string' and text or '', whole(now + kept_ms) .. ' ' .. record), now)
end

-- A session has left whose client may not have got what had waited for it: it waits still.
local function keep_mail(prefix, name, user, kept_ms)
  if not user.mail then return end
  redis.call('HSETNX', prefix .. ':waiting:' .. name, 'after', user.mail)
  redis.call('PEXPIRE', prefix .. ':waiting:' .. name, kept_ms)
end

-- Names as a JSON list; cjson would turn an empty list into an object.
local function encode_list(names)
  local quoted = {}
  for i, name in ipairs(names) do quoted[i] = cjson.encode(name) end
  return '[' .. table.concat(quoted, ',') .. ']'
end

-- An account; empty if it cannot be read. Such an account belongs to nobody, but its name is not free.
local function read_account(record)
  local readable, account = pcall(cjson.decode, record or '')
  if not is_readable(readable, account) then return {} end
  for field, kind in pairs({name = 'string', hash = 'string', owner = 'string', kept = 'string',
    since = 'number', changed = 'number'}) do
    if type(account[field]) ~= kind then account[field] = nil end
  end
  local names = {}
  for _, name in ipairs(type(account.names) == 'table' and account.names or {}) do
    if type(name) == 'string' then names[#names + 1] = name end
  end
  account.names = names
  return account
end

-- An account as JSON. cjson would write an empty list as an object, and a large number as a fraction.
local function encode_account(account, names)
  local copy = {}
  for field, value in pairs(account) do copy[field] = value end
  copy.names, copy.since, copy.changed, copy.v = nil, nil, nil, nil
  return '{"v":' .. VERSION .. ',"names":' .. encode_list(names) .. ',"since":' .. whole(account.since or 0)
    .. ',"changed":' .. whole(account.changed or 0) .. ',' .. cjson.encode(copy):sub(2)
end

-- The account that a name belongs to: {name = the folded name of the account, hash =, changed =, kept =}; nil if the name
-- is not registered.
local function account_of(accounts, name)
  local record = redis.call('HGET', accounts, name)
  if not record then return nil end
  local own = read_account(record)
  local of, account = name, own
  if own.owner and own.owner ~= '' then
    of, account = own.owner, read_account(redis.call('HGET', accounts, own.owner))
  end
  local newest = (own.changed or 0) > (account.changed or 0) and own or account
  return {name = of, hash = account.hash or '', changed = newest.changed or 0, kept = newest.kept}
end

-- Why a person is away: nil unless all sessions are.
local function away_of(users)
  local away
  for _, user in ipairs(users) do
    if not user.away then return nil end
    away = user.away
  end
  return away
end

-- What is kept for a name with its log.
local function expire_log(prefix, name, kept_ms)
  for _, kind in ipairs({'log', 'waiting', 'front', 'reactions'}) do
    redis.call('PEXPIRE', prefix .. ':' .. kind .. ':' .. name, kept_ms)
  end
end

-- A user's record as JSON. cjson would write a large count as a fraction, which no gateway could read.
local function encode_user(user)
  local rooms, hello = encode_list(user.rooms), whole(user.hello)
  local copy = {}
  for field, value in pairs(user) do copy[field] = value end
  copy.rooms, copy.hello, copy.v = nil, nil, nil
  return '{"v":' .. VERSION .. ',"rooms":' .. rooms .. ',"hello":' .. hello .. ',' .. cjson.encode(copy):sub(2)
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

-- A run is a run id of Redis. In a cluster those may follow it from which the slot came, with all of its keys.
local function is_former(run, of)
  return of and (run .. ' '):find(' ' .. of .. ' ', 1, true)
end

local function this_run(run)
  return run:match('^%S+')
end

-- The newest epoch, and the first one of this run; until it has begun, the first is above the newest.
local function epochs(key, run, last)
  local kept = redis.pcall('GET', key)
  local newest, of, first = (type(kept) == 'string' and kept or ''):match('^(%d+) (%S+) (%d+)$')
  local this = this_run(run)
  if of == this then return tonumber(newest), tonumber(first) end
  if is_former(run, of) then
    redis.call('SET', key, newest .. ' ' .. this .. ' ' .. first, 'KEEPTTL')
    return tonumber(newest), tonumber(first)
  end
  -- Above what was found, too: its record may have been lost within the same millisecond.
  newest = math.max(now_ms(), newest or 0, epoch_of(last or NOTHING))
  redis.call('SET', key, whole(newest) .. ' ' .. this .. ' ' .. whole(newest + 1), 'KEEPTTL')
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
  redis.call('SET', key, whole(epoch) .. ' ' .. this_run(run) .. ' ' .. whole(first), 'KEEPTTL')
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
  if not of or tonumber(newest) < tonumber(first) then return nil end
  if of ~= run and of ~= this_run(run) then
    if not is_former(run, of) then return nil end
    epochs(key, run)
  end
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

-- One session of a member; nil if the line cannot be read.
local function read_member(line)
  local readable, member = pcall(cjson.decode, line)
  if not is_readable(readable, member) then return nil end
  for _, field in ipairs({'name', 'session', 'origin'}) do
    if type(member[field]) ~= 'string' then return nil end
  end
  if type(member.account) ~= 'string' or member.account == '' then member.account = nil end
  return member
end

-- The sessions of a member that can be read, and session -> line.
local function read_members(text)
  local members, lines = {}, {}
  for line in (type(text) == 'string' and text or ''):gmatch('[^\n]+') do
    local member = read_member(line)
    if member then
      members[#members + 1] = member
      lines[member.session] = line
    end
  end
  return members, lines
end

-- What stays of a member without a session: nothing, if no other session can be read. The second value is whether the
-- session was in it, or none could be read.
local function without_session(text, session)
  if text == '' then return '', false end
  local members, lines = read_members(text)
  if #members == 0 or #members == 1 and lines[session] then return '', true end
  if not lines[session] then return text, false end
  return replace_line(text, lines[session]), true
end

-- A member with a session: beside the others of the same account, or else in their place. The second value is whether
-- there is something to tell gateways.
local function with_session(text, line)
  local mine = read_member(line)
  local members, lines = read_members(text)
  local old = lines[mine.session]
  if old == line then return text, false end
  for _, member in ipairs(members) do
    if not mine.account or member.account ~= mine.account then return line, true end
  end
  if #members == 0 then return line, true end
  if old then return replace_line(text, old, line), false end
  return add_line(text, line), false
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


-- Deleting. Deleted messages are gone from the log, so ids are missing in it. They are no loss, as trimmed messages are:
-- a log is only trimmed at its front, so what is missing behind an entry was deleted. For the front itself a string
-- "<id> <first>" says that nothing after the id was trimmed, as long as the first entry is that one; or "<id> @<last>",
-- if the log was empty then and that was its last id.

local function first_id(log)
  local entry = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  return entry and entry[1] or ''
end

-- The id from which on a log is complete, but for what was deleted.
local function complete_from(log, front, last)
  local first, kept = first_id(log), redis.pcall('GET', front)
  local from, of = (type(kept) == 'string' and kept or ''):match('^(%d+%-%d+) (%S+)$')
  local empty = '@' .. (first == '' and last or previous(first))
  if from and (of == first or of == empty) then return from end
  return first ~= '' and previous(first) or last
end

-- Delete some entries of a log; all, without ids.
local function delete_entries(log, front, ids)
  local last = last_id(log)
  if not last then return end
  local from = complete_from(log, front, last)
  if ids then
    for _, id in ipairs(ids) do redis.call('XDEL', log, id) end
  else
    redis.call('XTRIM', log, 'MAXLEN', 0)
  end
  local first = first_id(log)
  redis.call('SET', front, from .. ' ' .. (first == '' and '@' .. last or first), 'KEEPTTL')
  if redis.call('PTTL', front) == -1 then
    local left = redis.call('PTTL', log)
    if left > 0 then redis.call('PEXPIRE', front, left) end
  end
end

-- An entry of a log: its body, its time and its author; nil if no gateway wrote such an entry.
local function read_entry(log, id)
  if not id:find('^%d+%-%d+$') then return nil end
  local entry = redis.call('XRANGE', log, id, id)[1]
  local fields = entry and entry[2] or {}
  if fields[1] ~= 'd' or fields[3] ~= 't' then return nil end
  local readable, body = pcall(cjson.decode, fields[2])
  if not readable or type(body) ~= 'table' or body.op ~= 'msg' or type(body.from) ~= 'string' then return nil end
  return body, tonumber(fields[4]) or 0, fields[5] == 'o' and fields[6] or ''
end

-- Reactions to messages: a hash with a field for each message, emoji -> person -> name. Returns how many people have
-- reacted with the emoji now; nil if that was so already; false if there are too many.
local MOST_EMOJI, MOST_PEOPLE, MOST_REACTED = 20, 500, 2000

local function react(hash, message, emoji, person, name, on)
  local readable, all = pcall(cjson.decode, redis.call('HGET', hash, message) or '{}')
  if not readable or type(all) ~= 'table' then all = {} end
  local people, emojis, count = type(all[emoji]) == 'table' and all[emoji] or {}, 0, 0
  for _ in pairs(all) do emojis = emojis + 1 end
  for _ in pairs(people) do count = count + 1 end
  if on == (people[person] ~= nil) then return nil end
  if on and (count >= MOST_PEOPLE or count == 0 and emojis >= MOST_EMOJI) then return false end
  people[person] = on and name or nil
  count = on and count + 1 or count - 1
  all[emoji] = count > 0 and people or nil
  if next(all) == nil then
    redis.call('HDEL', hash, message)
  else
    redis.call('HSET', hash, message, cjson.encode(all))
  end
  return count
end

-- Forget the reactions to messages that a room's log no longer has, once there are many.
local function forget_reactions(hash, log)
  if redis.call('HLEN', hash) <= MOST_REACTED then return end
  local first = first_id(log)
  for _, id in ipairs(redis.call('HKEYS', hash)) do
    if first == '' or not id:find('^%d+%-%d+$') or is_after(first, id) then redis.call('HDEL', hash, id) end
  end
end

-- Delete messages of a log that are older than some milliseconds; returns how many. Usually nothing is too old, and one
-- message is enough to see that.
local function trim_old(log, age_ms, most)
  local oldest, deleted, count = now_ms() - age_ms, 0, 1
  while deleted < most do
    local page = redis.call('XRANGE', log, '-', '+', 'COUNT', count)
    local last
    for _, entry in ipairs(page) do
      if (tonumber(entry[2][4]) or 0) >= oldest then break end
      last = entry[1]
      deleted = deleted + 1
    end
    if not last then break end
    local epoch, n = last:match('^(%d+)-(%d+)$')
    redis.call('XTRIM', log, 'MINID', epoch .. '-' .. whole(n + 1))
    count = math.min(100, most - deleted)
  end
  return deleted
end
