-- Store a private message in the logs of its recipients and its sender, and publish it to those who are online.
--
-- KEYS[1]  users
-- KEYS[2]  the epochs of people's logs
-- KEYS[3]  their clock: the time of the last message
-- KEYS[4]  accounts
-- ARGV[1]  roughly how many messages a person's log keeps
-- ARGV[2]  Redis' run id
-- ARGV[3]  prefix of the keys of users
-- ARGV[4]  prefix of the channels of users
-- ARGV[5]  the sender's folded name
-- ARGV[6]  the sender's session
-- ARGV[7]  the body of the message, JSON without "to"
-- ARGV[8]  the sender's origin
-- ARGV[9]  the send's seq; '' for none: then it can be posted twice
-- ARGV[10] milliseconds that seqs are kept, and messages for guests who may resume
-- ARGV[11] when the gateway's lease ends, milliseconds since 1970
-- ARGV[12] the last id of the sender's log that the gateway knows
-- ARGV[13] milliseconds that messages for registered names are kept
-- ARGV[14..] two for each recipient: the folded name, and the last id of the log that the gateway knows
--
-- Returns  {} if no recipient is online, may resume or is registered: then nothing was posted. Else the id of the
--          sender's copy ('' if the seq was posted before and its outcome is no longer known), and three for each
--          recipient: the name as it is shown, or ''; 'here', 'later' (somebody who may resume, or a registered name)
--          or 'absent'; and why they are away, after a '=', or ''.
--          {'FULL', ...} with three for each recipient, and 'full' if too much waits for them already: then nothing
--          was posted. What is sent to a registered name with quiet sessions only is here, and waits too.
--          'LATE' if the lease may have run out, 'GONE' if the sender's session has lost its name:
--          then another session may have the name, and nothing was posted
--
-- Atomic, so that "sent to sis; mom is not here" is true at one moment. If the same send comes again, the first
-- outcome stands: it is not posted a second time or somewhere else.
--
-- Each copy has an id of its reader's log. What is published begins with the line "<previous id> <id>".
local FULL_MESSAGES, FULL_BYTES, FULL_FROM_ONE = 500, 1048576, 100
local LOG_BYTES, LOG_LEAST = 1048576, 64

local prefix, sender, origin, seq = ARGV[3], ARGV[5], ARGV[8], ARGV[9]
local run, kept_ms = ARGV[2], ARGV[10]

local clock = now_ms()
if clock > tonumber(ARGV[11]) then return 'LATE' end

local holder = find_session(redis.call('HGET', KEYS[1], sender), ARGV[6])
if not holder then return 'GONE' end
local author = holder.account and '@' .. holder.account or holder.origin

local posted_key = prefix .. ':posted:' .. origin
if seq ~= '' and tonumber(seq) <= newest_seq(posted_key) then
  local id = posted_as(redis.call('GET', posted_key), seq)
  if id == '-' then return {} end
  local entry = id ~= '' and redis.call('XRANGE', prefix .. ':log:' .. sender, id, id)[1]
  local fields = entry and entry[2] or {}
  return fields[7] == 'f' and {id, unpack(cjson.decode(fields[8]))} or {''}
end

-- A registered name that is not here is found too: what is sent to it waits. A quiet session is a program's, and
-- the person may never see what it gets.
local function find(name)
  local users = read_sessions(redis.call('HGET', KEYS[1], name))
  local here, all_quiet
  for _, user in ipairs(users) do
    if redis.call('EXISTS', prefix .. ':lease:' .. user.gateway) == 1 then
      all_quiet = (not here or all_quiet) and user.quiet and user.account
      here = here or user
    end
  end
  if here then return here.name, 'here', away_of(users), all_quiet end
  local user = users[1] or read_left(redis.pcall('GET', prefix .. ':resume:' .. name), clock)[1]
  if user then return user.name, 'later' end
  local account = redis.call('HGET', KEYS[4], name)
  if account then return read_account(account).name or name, 'later' end
  return '', 'absent'
end

local function is_full(name)
  local waiting = redis.call('HMGET', prefix .. ':waiting:' .. name, 'count', 'bytes', 'from:' .. sender)
  return tonumber(waiting[1] or 0) >= FULL_MESSAGES or tonumber(waiting[2] or 0) >= FULL_BYTES
    or tonumber(waiting[3] or 0) >= FULL_FROM_ONE
end

local found, shown, readers, how_by_name = {}, {}, {}, {}
local full = false
for i = 14, #ARGV, 2 do
  local name = ARGV[i]
  local as, how, away, all_quiet = find(name)
  if how ~= 'absent' and not how_by_name[name] then
    how_by_name[name] = how
    shown[#shown + 1] = as
    if name ~= sender then 
      local waits = how == 'later' or all_quiet and not is_full(name)
      readers[#readers + 1] = {name, ARGV[i + 1], how, waits}
    end
  end
  if how == 'later' and is_full(name) then how, full = 'full', true end
  found[#found + 1] = as
  found[#found + 1] = how
  found[#found + 1] = away and '=' .. away or ''
end
if full then return {'FULL', unpack(found)} end
if #shown == 0 then
  if seq ~= '' then keep_posted(posted_key, '\n' .. seq .. ' -', kept_ms) end
  return {}
end

local line = '{"to":' .. cjson.encode(shown) .. ',' .. ARGV[7]:sub(2)
local ts = whole(not_before(KEYS[3], clock))
local limit = math.min(tonumber(ARGV[1]), math.max(LOG_LEAST, math.floor(LOG_BYTES / #line)))

-- Check all logs before anything is stored: one of the wrong type must refuse the whole call.
local epoch, stands = {}, {}
local function look(name)
  local log = prefix .. ':log:' .. name
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local last = newest and newest[1] or last_id(log)
  local _, first = epochs(KEYS[2], run, last)
  -- An epoch of an older run is over.
  local goes_on = last and epoch_of(last) >= first
  if goes_on then epoch[name] = whole(epoch_of(last)) end
  stands[name] = goes_on and last or before(first)
end
look(sender)
for _, reader in ipairs(readers) do look(reader[1]) end

local function store(name, known, how, waits, ...)
  local log = prefix .. ':log:' .. name
  trim_old(log, tonumber(ARGV[13]), 100)
  -- Messages that wait for somebody are never trimmed.
  local most = waits and FULL_MESSAGES * 4 or limit
  local id, _, behind = add_first(log, KEYS[2], run, known, epoch[name], most, 'd', line, 't', ts, 'o', author, ...)
  if waits then
    local waiting, left = prefix .. ':waiting:' .. name, redis.call('PTTL', prefix .. ':resume:' .. name)
    if redis.call('HEXISTS', KEYS[4], name) == 1 then
      left = tonumber(ARGV[13])
    elseif left <= 0 then
      left = tonumber(kept_ms)
    end
    redis.call('HSETNX', waiting, 'after', stands[name])
    redis.call('HINCRBY', waiting, 'count', 1)
    redis.call('HINCRBY', waiting, 'bytes', #line)
    redis.call('HINCRBY', waiting, 'from:' .. sender, 1)
    redis.call('PEXPIRE', waiting, left)
    if how == 'later' then redis.call('PEXPIRE', log, left) end
  end
  if how == 'here' then
    redis.call('SPUBLISH', ARGV[4] .. ':to:' .. name,
      behind .. ' ' .. id .. '\n' .. with_beginning(id, ts, line))
  end
  return id
end

local id = store(sender, ARGV[12], 'here', false, 'f', cjson.encode(found))
redis.call('SET', KEYS[3], ts)
for _, reader in ipairs(readers) do store(unpack(reader)) end
if seq ~= '' then keep_posted(posted_key, '\n' .. seq .. ' ' .. id, kept_ms) end
return {id, unpack(found)}
