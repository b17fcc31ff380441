-- Store a private message, and publish it to those of its recipients who are here, and its sender.
--
-- KEYS[1]  users
-- KEYS[2]  the private log
-- ARGV[1]  how many messages the log keeps, roughly
-- ARGV[2]  epoch: the first half of new ids
-- ARGV[3]  what the keys and channels of users begin with
-- ARGV[4]  the sender's folded name
-- ARGV[5]  the message, without its beginning, {"id":"<id>","to":[...],
-- ARGV[6]  the sender's origin
-- ARGV[7]  the send's seq; '' for none: then it can be posted twice
-- ARGV[8]  milliseconds for which seqs are kept
-- ARGV[9]  until when the lease of the gateway holds, milliseconds since 1970
-- ARGV[10..]  the recipients' folded names
--
-- Returns  {} if none of them is here, and then nothing was posted; else the id ('' if the seq is
--          not new and its message is not found), and for each recipient the name as it is shown, or
--          '' for who is not here. 'LATE' if the lease may have run out: the sender's name
--          may be somebody else's, and nothing was posted
--
-- Atomic, so that "sent to sis; mom is not here" is true of one moment. What was decided then
-- stands when the same send comes again: it is not posted a second time, or somewhere else.
--
-- What is published begins with a line of its own, "<previous id> <id>": the ids of the reader's
-- last private message and of this one.
local prefix, origin, seq = ARGV[3], ARGV[6], ARGV[7]
local LOOK_BACK = 1000

local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
if tonumber(now) > tonumber(ARGV[9]) then
  return 'LATE'
end

if seq ~= '' then
  if redis.call('SISMEMBER', prefix .. ':nobody:' .. origin, seq) == 1 then return {} end
  local key = prefix .. ':posted:' .. origin
  if tonumber(seq) <= tonumber(redis.call('GET', key) or -1) then
    for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', LOOK_BACK)) do
      local fields = entry[2]
      if fields[7] == 'o' and fields[8] == origin and fields[10] == seq then
        return {entry[1], unpack(cjson.decode(fields[12]))}
      end
    end
    return {''}
  end
end

local function find(name)
  local record = redis.call('HGET', KEYS[1], name)
  if not record then return nil end
  local user = cjson.decode(record)
  if redis.call('EXISTS', prefix .. ':lease:' .. user.gateway) == 0 then return nil end
  return user
end

local found, shown, folded, readers = {}, {}, {}, {ARGV[4]}
for i = 10, #ARGV do
  local name = ARGV[i]
  local user = find(name)
  if not user and name:sub(-1) == '.' then
    -- "@sis." ends a sentence more often than a name.
    name = name:gsub('%.+$', '')
    user = find(name)
  end
  found[#found + 1] = user and user.name or ''
  if user and not folded[name] then
    folded[name] = true
    shown[#shown + 1] = user.name
    if name ~= ARGV[4] then readers[#readers + 1] = name end
  end
end
if #shown == 0 then
  if seq ~= '' then
    redis.call('SADD', prefix .. ':nobody:' .. origin, seq)
    redis.call('PEXPIRE', prefix .. ':nobody:' .. origin, ARGV[8])
  end
  return {}
end

local line = '"to":' .. cjson.encode(shown) .. ',' .. ARGV[5]
local fields = {'d', line, 't', now, 'r', ' ' .. table.concat(readers, ' ') .. ' '}
if seq ~= '' then
  for _, field in ipairs({'o', origin, 's', seq, 'f', cjson.encode(found)}) do
    fields[#fields + 1] = field
  end
  redis.call('SET', prefix .. ':posted:' .. origin, seq, 'PX', ARGV[8])
end
local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], ARGV[2] .. '-*', unpack(fields))
line = id .. '\n{"id":"' .. id .. '",' .. line
for _, name in ipairs(readers) do
  local key = prefix .. ':last:' .. name
  local previous = redis.call('GET', key) or '0-0'
  redis.call('SET', key, id, 'KEEPTTL')
  redis.call('SPUBLISH', prefix .. ':to:' .. name, previous .. ' ' .. line)
end
return {id, unpack(found)}
