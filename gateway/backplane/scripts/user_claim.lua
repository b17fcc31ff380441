-- Claim a name for a session, or say that it is taken.
--
-- KEYS[1]  users
-- KEYS[2]  the session's alive key
-- KEYS[3]  the set of names that the claiming gateway holds
-- KEYS[4]  the user's log
-- KEYS[5]  accounts
-- KEYS[6]  the epochs of people's logs
-- ARGV[1]  the folded name
-- ARGV[2]  the session's id
-- ARGV[3]  the session's record, JSON without its beginning,
--          {"v":1,"origin":"<origin>","began":{...},"rooms":[...],"account":"<name>","away":"<why>",
-- ARGV[4]  milliseconds since the user's last activity
-- ARGV[5]  milliseconds of inactivity that the user is given; 0 for no end
-- ARGV[6]  prefix of the keys and channels of users
-- ARGV[7]  the hash of the resume token that the peer showed; '' for none
-- ARGV[8]  Redis' run id
-- ARGV[9]  what the peer needs if it has no token: 'known' nothing, 'open' the password of a registered
--          name, 'required' the same, and other names are not let in
-- ARGV[10] the hash whose password the peer has proved; '' for none
-- ARGV[11] the session's origin, if it does not continue an older one
-- ARGV[12] where that origin began: JSON, room -> id of the last message before
-- ARGV[13] the rooms that the session is in, a JSON list
-- ARGV[14] the account that the session has already, or ''; counts with 'known' only
-- ARGV[15] the most sessions of a registered name
-- ARGV[16] milliseconds that private messages are kept
-- ARGV[17] as ARGV[5], for a user who is away
--
-- Returns  {outcome, origin, the id in the user's log after which the session begins, record or '', hash or '',
--          where the origin began, JSON or '', the last id of the log if messages wait after that id or '',
--          '1' if the welcome of the older session may never have arrived or '',
--          the rooms that the session is in, a JSON list or '', the name of its account or '',
--          why the person is away, JSON or '', how many sessions the person has};
--          outcomes:
--          granted    the name was free, or this session's already
--          joined     the name is registered and has other sessions, and this one is beside them
--          resumed    it was taken over from the peer's own older session, which was still online
--          returned   the same, but the older session had left already; or it is this session itself,
--                     which others were told has gone
--          inherited  its holder, a guest, was on a gateway that is dead; nobody has announced yet that
--                     the holder left
--          taken_over like joined, but there were as many sessions as may be: the connection of the
--                     one that was idle for longest is ended, and its origin with it
--          taken      then nothing was done; the record is the holder's, if the peer is 'known'
--          locked     the password was not given, and nothing was done; the hash is the name's, ''
--                     if the name is not registered
--          With resumed and returned, the origin, its beginning and the rooms are the older session's;
--          with joined and taken_over the rooms are the other sessions' rooms.
--          A session has the account if the name is registered and its password was given, or the token
--          of a session that had the account.
--          Anyone else starts after the end of the log, and nobody ever gets messages from before their
--          origin began, so that nobody reads mail for an earlier holder of the name.
--          What waited counts as read only once the client has said something: until then the record says after
--          which id it is ("mail").
--          A quiet session takes no mail: its person may never see it.
--          But a person who shows a session's token or the name's password starts before the messages that
--          wait. They are for the same person, because what waits for a guest is deleted when the name is
--          registered.
--
-- The token that a session was resumed with stays valid beside its new one, because the welcome with the
-- new one may never have arrived. But it is valid only for a newer hello: a hello that was late must not
-- replace the connection that the peer has made since.
--
-- Atomic, so that if two sessions claim a name only one gets it.
need_set(KEYS[3])
local name, session, prefix, proof, mode = ARGV[1], ARGV[2], ARGV[6], ARGV[7], ARGV[9]
local now = now_ms()
local mine = cjson.decode('{' .. ARGV[3])
local account = account_of(KEYS[5], name)
local function refused(outcome, former, hash)
  return {outcome, '', '', former or '', hash or '', '', '', '', '', '', '', 0}
end

-- Its gateway was away when the name got its password, and did not hear that it must end this session.
if mode == 'known' and account and account.changed > mine.since and account.kept ~= session then
  return refused('taken')
end

local function proves(user)
  if proof == '' then return false end
  return proof == user.resume or proof == user.shown and (mine.hello or 0) > user.hello
end
local alive = {}
local function is_alive(user)
  if alive[user.gateway] == nil then
    alive[user.gateway] = redis.call('EXISTS', prefix .. ':lease:' .. user.gateway) == 1
  end
  return alive[user.gateway]
end

-- The session that this one continues: itself, or an older one whose token was shown.
local text = redis.call('HGET', KEYS[1], name) or ''
local here, lines = read_sessions(text)
local left_text = redis.pcall('GET', prefix .. ':resume:' .. name)
left_text = type(left_text) == 'string' and left_text or ''
local outcome, older, left_line = 'granted', nil, nil
for _, user in ipairs(here) do
  if user.session == session then older = user end
end
for _, user in ipairs(older and {} or here) do
  if proves(user) then outcome, older = 'resumed', user end
end
if not older and left_text ~= '' then
  local left, left_lines = read_left(left_text, now)
  for _, user in ipairs(left) do
    if proves(user) or mode == 'known' and user.session == session then
      outcome, older, left_line = 'returned', user, left_lines[user]
    end
  end
end

-- Whether the session has the account: its own gateway says so, its password was shown, or its token was.
local has_account = account
  and (mode == 'known' and ARGV[14] == account.name
    or mode ~= 'known' and (not older or older.account == account.name))
if mode ~= 'known' and not older and (account or mode == 'required') then
  local hash = account and account.hash or ''
  if hash == '' or ARGV[10] ~= hash then return refused('locked', '', hash) end
end

local former, goes = '', {}
if older then
  if older.session ~= session then goes[1] = older end
elseif has_account then
  if #here > 0 then outcome = 'joined' end
elseif #here > 0 then
  -- Only now: only the owner of a registered name may learn that it is in use.
  if is_alive(here[1]) then return refused('taken', mode == 'known' and lines[here[1]]) end
  outcome, former = 'inherited', lines[here[1]]
end
if not has_account then
  if account and #here > 0 and not older then return refused('taken') end
  -- A guest's name has one session.
  goes = {}
  for _, user in ipairs(here) do
    if user.session ~= session then goes[#goes + 1] = user end
  end
elseif outcome == 'joined' and mode ~= 'known' then
  local most, idlest, since = 0, nil, nil
  for _, user in ipairs(here) do
    if is_alive(user) then
      most = most + 1
      local active = tonumber(redis.call('GET', prefix .. ':alive:' .. user.session) or 0) or 0
      if not since or active < since then idlest, since = user, active end
    end
  end
  if most >= tonumber(ARGV[15]) then outcome, goes = 'taken_over', {idlest} end
end

local others = {}
for _, user in ipairs(here) do
  if user.session ~= session and user ~= older then others[#others + 1] = user end
end
text = has_account and text or ''
if lines[older] then text = replace_line(text, lines[older]) end
for _, user in ipairs(goes) do
  if outcome == 'resumed' and user == older or outcome == 'taken_over' then
    redis.call('SPUBLISH', prefix .. ':control:' .. user.gateway, 'replaced ' .. user.session)
  end
  if lines[user] then text = replace_line(text, lines[user]) end
  redis.call('DEL', prefix .. ':alive:' .. user.session)
  forget_held(prefix, user.gateway, name, text)
end
if not has_account then
  redis.call('DEL', prefix .. ':resume:' .. name)
elseif left_line then
  write_left(prefix .. ':resume:' .. name, replace_line(left_text, left_line), now)
end

trim_old(KEYS[4], tonumber(ARGV[16]), 1000)
local newest = tail(KEYS[4], KEYS[6], ARGV[8], NOTHING)
local last = newest
local takes_mail = mode ~= 'known' and (older or has_account) and not mine.quiet
local waits = takes_mail and redis.pcall('HGET', prefix .. ':waiting:' .. name, 'after')
waits = type(waits) == 'string' and waits:find('^%d+%-%d+$') ~= nil and waits
if not waits and takes_mail then
  -- It may not have arrived at another session. Nor at this one: the answer to an earlier call may have been lost.
  waits = older and older.mail
  for _, user in ipairs(has_account and here or {}) do waits = waits or user.mail end
end
if waits then last = waits end
for _, kind in ipairs({'log', 'front', 'reactions'}) do
  redis.call('PERSIST', prefix .. ':' .. kind .. ':' .. name)
end
-- The connection of a session that its gateway knows may be dead: what waited may never arrive over it.
if (mode ~= 'known' or proof ~= '') and not mine.quiet then redis.call('DEL', prefix .. ':waiting:' .. name) end

-- A session knows its own rooms best; Redis knows an older or another session's rooms.
local mine_too = not older or older.session == session
local began, rooms = cjson.decode(ARGV[12]), ARGV[13]
if not mine_too then
  began, rooms = older.began or began, encode_list(older.rooms)
elseif older then
  for room, id in pairs(older.began or {}) do began[room] = began[room] or id end
elseif mode ~= 'known' and #others > 0 then
  local seen, all = {}, {}
  for _, user in ipairs(others) do
    for _, room in ipairs(user.rooms) do
      if not seen[room] then all[#all + 1] = room end
      seen[room] = true
    end
  end
  rooms = encode_list(all)
end
began['@'] = began['@'] or last
began = cjson.encode(began)
local origin = cjson.encode(older and older.origin or ARGV[11])
local record = '{"v":' .. VERSION .. ',"origin":' .. origin .. ',"began":' .. began .. ',"rooms":' .. rooms .. ','
local away = mine.away or not mine_too and older.away
if has_account then record = record .. '"account":' .. cjson.encode(account.name) .. ',' end
local mail = has_account and waits
if mail and not mine.mail then record = record .. '"mail":"' .. mail .. '",' end
if type(away) == 'string' and not mine.away then record = record .. '"away":' .. cjson.encode(away) .. ',' end
redis.call('HSET', KEYS[1], name, add_line(text, record .. ARGV[3]))
redis.call('SADD', KEYS[3], name)
keep_active(KEYS[2], now, ARGV[4], type(away) == 'string' and ARGV[17] or ARGV[5])
local unheard = older and older.session ~= session and proof ~= older.resume
return {outcome, older and older.origin or '', last, former, '', began, waits and newest or '',
  unheard and '1' or '', rooms, has_account and account.name or '', type(away) == 'string' and cjson.encode(away) or '',
  #read_sessions(text) + 1}
