-- Record arrivals in a room and departures from it, in order, and publish them.
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
-- ARGV[1]  the version of the room's state by which the arrivals were allowed; '*' for any, without arrivals
-- ARGV[2]  '1' to make the room if it does not exist
-- ARGV[3]  Redis' run id
-- ARGV[4]  the last id that the gateway knows of the log
-- ARGV[5]  the room's channel
-- ARGV[6]  milliseconds that an empty room is kept; '0' for a room that always exists
-- ARGV[7]  milliseconds that an empty room with operators is kept
-- ARGV[8]  the account of the room's first operator, if it is made now; '' for none
-- ARGV[9]  the operator's name as it is shown
-- ARGV[10..]  five for each: '+' for an arrival that everybody is told about, '~' for one that only
--             gateways are told about, '-' for a departure, '=<old name>' for another name of a session; the
--             folded name; the session ('' with '-': any); the member (JSON; '' with '-'); the event, a line.
--             With another name three lines: for a name that has changed, an arrival, a departure
--
-- Returns  {the id after which the next message comes, the number of people in the room, the account of its
--          new operator or '', the number of arrivals and departures so far}. 'CHANGED' if the room has another
--          version, 'NONE' if somebody arrives and the room does not exist: then nothing was done
--
-- An arrival of a session that is there already changes nothing, so the call can be repeated. A departure of a
-- session that is not there does nothing, because a newer session may have the name. A guest is in a room with
-- one session: with another one it is the same guest who came back, and people are not told. With an account
-- somebody may be in it with several, and comes with the first and leaves with the last. Sessions that are quiet
-- do not count in this: people are told neither of their coming nor of their leaving.
--
-- Atomic, so that the order of arrivals and departures is the same for all, and so that nobody enters by
-- outdated rules.
local meta, members = KEYS[1], KEYS[2]
local keys = {
  meta, members, KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11],
  KEYS[12], KEYS[13],
}
if ARGV[1] ~= '*' and version_of(meta) ~= ARGV[1] then return 'CHANGED' end

local comes = false
for i = 10, #ARGV, 5 do
  if ARGV[i] ~= '-' then comes = true end
end
local made = comes and ARGV[6] ~= '0' and redis.call('HEXISTS', meta, 'created') == 0
if made and ARGV[2] ~= '1' then return 'NONE' end

-- This needs no memory. A full Redis does not refuse what a script writes after such a first command: people
-- come and go as they did before.
redis.call('HDEL', meta, '')
local before = redis.call('HLEN', members)
local moves = tonumber(redis.call('HGET', meta, 'moves') or 0) or 0
local were = moves
local last = tail(KEYS[9], KEYS[10], ARGV[3], ARGV[4])
local version
if made then
  local now = now_ms()
  redis.call('HSET', meta, 'created', whole(now))
  if ARGV[8] ~= '' then redis.call('HSET', KEYS[3], ARGV[8], ARGV[9]) end
  if ARGV[8] ~= '' or version_of(meta) ~= '0' then version = next_version(meta, now) end
end

-- Whether people know that somebody is in the room. The sessions stand one below the other, as JSON.
local function is_known(text)
  for line in text:gmatch('[^\n]+') do
    if not line:find('"quiet":true', 1, true) then return true end
  end
  return false
end

local kind, lines = '', {}
local function tell()
  if #lines > 0 then
    redis.call('SPUBLISH', ARGV[5], kind .. whole(moves) .. ' ' .. last .. '\n' .. table.concat(lines))
    lines = {}
  end
end
local some_kicked = redis.call('EXISTS', KEYS[8]) == 1
for i = 10, #ARGV, 5 do
  local what, name, session, member = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local was = redis.call('HGET', members, name)
  local told, line = nil, ARGV[i + 4]
  if what == '-' then
    if was then
      local rest, inside = '', true
      if session ~= '' then rest, inside = without_session(was, session) end
      if inside then write_text(members, name, rest) end
      if is_known(was) and not is_known(rest) then
        told = '+'
      elseif rest == '' then
        told = '~'
      end
    end
  elseif what == '+' or what == '~' then
    if not was then
      redis.call('HSET', members, name, member)
      told = what
    else
      local text, news = with_session(was, member)
      if text ~= was then redis.call('HSET', members, name, text) end
      if news then told = '~' end
      if what == '+' and not is_known(was) then told = '+' end
    end
    if some_kicked then redis.call('HDEL', KEYS[8], name) end
  else
    local old = what:sub(2)
    local rest, inside = without_session(redis.call('HGET', members, old) or '', session)
    write_text(members, old, rest)
    -- The same name may be written in another way: then it has one entry.
    was = redis.call('HGET', members, name)
    redis.call('HSET', members, name, (with_session(was or '', member)))
    local renamed, joined, left = line:match('^(.-\n)(.-\n)(.-\n)$')
    local last_of_old = inside and rest == ''
    line = (old == name or last_of_old and not was) and renamed or last_of_old and left or joined
    if old == name or last_of_old or not was then told = '+' end
  end
  if told then
    if told ~= kind then
      tell()
      kind = told
    end
    moves = moves + 1
    lines[#lines + 1] = line
  end
end
if moves ~= were then redis.call('HSET', meta, 'moves', whole(moves)) end
tell()
if version then redis.call('SPUBLISH', ARGV[5], '=' .. version .. ' ' .. last .. '\n') end

local people = redis.call('HLEN', members)
if people == 0 then
  end_empty(keys, meta, KEYS[3], ARGV[6], ARGV[7])
elseif before == 0 then
  for _, key in ipairs(keys) do
    if key ~= KEYS[8] then redis.call('PERSIST', key) end
  end
end
return {last, people, made and ARGV[8] or '', whole(moves)}
