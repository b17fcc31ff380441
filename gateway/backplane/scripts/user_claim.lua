-- Claim a name for a session, or say that it is taken.
--
-- KEYS[1]  users
-- KEYS[2]  the user's alive key
-- KEYS[3]  the set of names that the claiming gateway holds
-- KEYS[4]  the user's log
-- KEYS[5]  accounts
-- KEYS[6]  the epochs of people's logs
-- ARGV[1]  the folded name
-- ARGV[2]  the session's id
-- ARGV[3]  the session's record, JSON without its beginning,
--          {"origin":"<origin>","began":{...},"rooms":[...],"account":true,
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
-- ARGV[14] '1' if the session has the account already; counts with 'known' only
--
-- Returns  {outcome, origin, last id of the user's log, record or '', hash or '',
--          where the origin began, JSON or '', '1' if messages wait after that id or '',
--          '1' if the welcome of the older session may never have arrived or '',
--          the rooms that the session is in, a JSON list or '', '1' if it has the account or ''};
--          outcomes:
--          granted    the name was free, or this session's already
--          resumed    it was taken over from the peer's own older session, which was still online
--          returned   the same, but the older session had left already; or it is this session itself,
--                     which others were told has gone
--          inherited  its holder's gateway is dead; nobody has announced yet that the holder left
--          taken_over the name was in use and its password was given: the holder's connection is
--                     ended, and its origin with it
--          taken      then nothing was done; the record is the holder's, if the peer is 'known'
--          locked     the password was not given, and nothing was done; the hash is the name's, ''
--                     if the name is not registered
--          With resumed and returned, the origin, its beginning and the rooms are the older session's.
--          A session has the account if the name is registered and its password was given, or the token
--          of a session that had the account.
--          Anyone else starts after the end of the log, and nobody ever gets messages from before their
--          origin began, so that nobody reads mail for an earlier holder of the name.
--          But a person who had left, and shows the session's token or the name's password, starts before
--          the messages that wait. It is the same account, because a new password deletes who left.
--
-- The token that a session was resumed with stays valid beside its new one, because the welcome with the
-- new one may never have arrived. But it is valid only for a newer hello: a hello that was late must not
-- replace the connection that the peer has made since.
--
-- Atomic, so that if two sessions claim a name only one gets it.
need_set(KEYS[3])
local name, prefix, proof = ARGV[1], ARGV[6], ARGV[7]
local outcome, former, older, left = 'granted', '', nil, nil
local mine = cjson.decode('{' .. ARGV[3])
local account = redis.call('HGET', KEYS[5], name)
-- An unreadable account belongs to nobody, but its name is not free.
local readable, kept = pcall(cjson.decode, account or '{}')
if not readable or type(kept) ~= 'table' then kept = {} end

local function proves(user)
  if proof == '' then return false end
  return proof == user.resume or proof == user.shown and (mine.hello or 0) > user.hello
end

local record = redis.call('HGET', KEYS[1], name)
local holder = record and read_user(record)
if holder then
  if holder.session == ARGV[2] then
    older = holder
  elseif proves(holder) then
    outcome, older = 'resumed', holder
  elseif redis.call('EXISTS', prefix .. ':lease:' .. holder.gateway) == 1 then
    outcome = 'taken'
  else
    outcome, former, left = 'inherited', record, holder
  end
else
  left = read_user(redis.pcall('GET', prefix .. ':resume:' .. name))
  if left and (proves(left) or ARGV[9] == 'known' and left.session == ARGV[2]) then
    outcome, older = 'returned', left
  end
end

-- Its gateway was away when the name got its password, and did not hear that it must end this session.
if ARGV[9] == 'known' and type(kept.changed) == 'number' and kept.changed > mine.since then
  return {'taken', '', '', '', '', '', '', '', '', ''}
end

if ARGV[9] == 'known' then
  left = nil
elseif older then
  left = older
else
  local hash = type(kept.hash) == 'string' and kept.hash or ''
  if (account or ARGV[9] == 'required') and (hash == '' or ARGV[10] ~= hash) then
    return {'locked', '', '', '', hash, '', '', '', '', ''}
  end
  if account and outcome == 'taken' then outcome = 'taken_over' end
  -- It is "0" for the account of somebody else, and for a free name it may be anybody's.
  if not account or left and left.resume == '0' then left = nil end
end
-- Only now: only the owner of a registered name may learn that it is in use.
if outcome == 'taken' then
  return {'taken', '', '', ARGV[9] == 'known' and record or '', '', '', '', '', '', ''}
end

if holder and holder.session ~= ARGV[2] then
  if outcome == 'resumed' or outcome == 'taken_over' then
    redis.call('SPUBLISH', prefix .. ':control:' .. holder.gateway, 'replaced ' .. holder.session)
  end
  redis.call('SREM', prefix .. ':held:' .. holder.gateway, name)
end
redis.call('DEL', prefix .. ':resume:' .. name)

local last = tail(KEYS[4], KEYS[6], ARGV[8], NOTHING)
local waits = left and redis.pcall('HGET', prefix .. ':waiting:' .. name, 'after')
waits = type(waits) == 'string' and waits:find('^%d+%-%d+$') ~= nil and waits
if waits then last = waits end
redis.call('PERSIST', KEYS[4])
redis.call('DEL', prefix .. ':waiting:' .. name)

-- A session knows its own rooms best; Redis knows an older session's.
local mine_too = not older or older.session == ARGV[2]
local began = cjson.decode(ARGV[12])
if not mine_too then
  began = older.began or began
elseif older then
  for room, id in pairs(older.began or {}) do began[room] = began[room] or id end
end
began['@'] = began['@'] or last
began = cjson.encode(began)
local rooms = mine_too and ARGV[13] or encode_list(older.rooms)
local has_account = account and (ARGV[9] ~= 'known' and (not older or older.account == true)
  or ARGV[9] == 'known' and ARGV[14] == '1')
local origin = cjson.encode(older and older.origin or ARGV[11])
record = '{"origin":' .. origin .. ',"began":' .. began .. ',"rooms":' .. rooms .. ','
if has_account then record = record .. '"account":true,' end
local value = ARGV[2] .. ' ' .. whole(now_ms() - ARGV[4])
redis.call('HSET', KEYS[1], name, record .. ARGV[3])
redis.call('SADD', KEYS[3], name)
if ARGV[5] == '0' then
  redis.call('SET', KEYS[2], value)
else
  redis.call('SET', KEYS[2], value, 'PX', math.max(1, ARGV[5] - ARGV[4]))
end
local unheard = older and older.session ~= ARGV[2] and proof ~= older.resume
return {outcome, older and older.origin or '', last, former, '', began, waits and '1' or '',
  unheard and '1' or '', rooms, has_account and '1' or ''}
