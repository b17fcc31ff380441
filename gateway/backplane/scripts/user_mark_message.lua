-- Delete a private message, or react to it, in the logs of all who have it, and tell them.
--
-- KEYS[1]  users
-- KEYS[2]  the epochs of people's logs
-- KEYS[3]  their clock
-- ARGV[1]  roughly how many messages a person's log keeps
-- ARGV[2]  Redis' run id
-- ARGV[3]  prefix of the keys of users
-- ARGV[4]  prefix of the channels of users
-- ARGV[5]  the folded name of the person who asks
-- ARGV[6]  the session of that person
-- ARGV[7]  the id of the message in that person's log
-- ARGV[8]  milliseconds that a message may be old to be deleted
-- ARGV[9]  the emoji; '' to delete the message
-- ARGV[10] '1' to react, '' to take it back
-- ARGV[11] the event that tells it, JSON without id, ts and count
-- ARGV[12..] two for everybody who may have a copy, the person who asks among them: the folded name, and the last id of
--            the log that the gateway knows
--
-- Returns  the id of the event in the log of the person who asks; '' if the reaction was so already. 'GONE' if the
--          session has lost its name, 'NONE' if the log does not have the message, 'OLD' if it is too old, 'OTHER' if
--          it is of another author, 'MANY' if it has too many reactions: then nothing was done
--
-- Atomic, so that the message is deleted for all or for nobody.
local prefix, own, emoji = ARGV[3], ARGV[5], ARGV[9]
local clock = now_ms()
local user = find_session(redis.call('HGET', KEYS[1], own), ARGV[6])
if not user then return 'GONE' end
local body, at, author = read_entry(prefix .. ':log:' .. own, ARGV[7])
if not body or type(body.key) ~= 'string' then return 'NONE' end
local began = user.began and user.began['@']
if not user.account and began and not is_after(ARGV[7], began) then return 'NONE' end
local mine = user.account and '@' .. user.account or user.origin
if emoji == '' and author ~= mine then return 'OTHER' end
if emoji == '' and clock - at > tonumber(ARGV[8]) then return 'OLD' end
local target = body.key

-- The copy in somebody's log: it has the same time.
local function copy_in(log)
  local upto = '+'
  while true do
    local page = redis.call('XREVRANGE', log, upto, '-', 'COUNT', 100)
    for _, entry in ipairs(page) do
      local ts = tonumber(entry[2][4]) or 0
      if ts < at then return nil end
      if ts == at and entry[2][2]:find('"key":"' .. target .. '"', 1, true) then return entry[1] end
      upto = '(' .. entry[1]
    end
    if #page < 100 then return nil end
  end
end

-- A guest who has the name now, and came later, must not hear of it.
local function is_stranger(name, id)
  local there = read_sessions(redis.call('HGET', KEYS[1], name))[1]
  local since = there and not there.account and there.began and there.began['@']
  return since and not is_after(id, since)
end

local copies = {}
for i = 12, #ARGV, 2 do
  local name = ARGV[i]
  local id = name == own and ARGV[7] or copy_in(prefix .. ':log:' .. name)
  if id then copies[#copies + 1] = {name, id, ARGV[i + 1]} end
end

local event = ARGV[11]
if emoji ~= '' then
  local count
  for _, copy in ipairs(copies) do
    local now = react(prefix .. ':reactions:' .. copy[1], target, emoji, user.account or own, user.name, ARGV[10] == '1')
    if copy[1] == own then
      if now == nil then return '' end
      if not now then return 'MANY' end
      count = now
    end
  end
  event = '{"count":' .. count .. ',"target":' .. cjson.encode(target) .. ',' .. event:sub(2)
else
  event = '{"targets":["' .. target .. '"],"from":' .. cjson.encode(body.from) .. ',' .. event:sub(2)
end

local ts, told = whole(not_before(KEYS[3], clock)), ''
redis.call('SET', KEYS[3], ts)
for _, copy in ipairs(copies) do
  local name, known = copy[1], copy[3]
  local log = prefix .. ':log:' .. name
  if emoji == '' then
    delete_entries(log, prefix .. ':front:' .. name, {copy[2]})
    redis.call('HDEL', prefix .. ':reactions:' .. name, target)
  end
  if not is_stranger(name, copy[2]) then
    local last = last_id(log)
    local _, first = epochs(KEYS[2], ARGV[2], last)
    local epoch = last and epoch_of(last) >= first and whole(epoch_of(last)) or nil
    local id, _, behind = add_first(
      log, KEYS[2], ARGV[2], known, epoch, ARGV[1], 'd', event, 't', ts, 'o', mine)
    redis.call('SPUBLISH', ARGV[4] .. ':to:' .. name,
      behind .. ' ' .. id .. '\n' .. with_beginning(id, ts, event))
    if name == own then told = id end
    local left = redis.call('PTTL', log)
    if left > 0 then redis.call('PEXPIRE', prefix .. ':reactions:' .. name, left) end
  end
end
return told
