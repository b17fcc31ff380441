-- Store a private message, and publish it to those of its recipients who are here, and its sender.
--
-- KEYS[1]  users
-- KEYS[2]  the private log
-- ARGV[1]  how many messages the log keeps, roughly
-- ARGV[2]  epoch: the first half of new ids
-- ARGV[3]  what the keys and channels of users begin with
-- ARGV[4]  the sender's folded name
-- ARGV[5]  the message, without its beginning, {"id":"<id>","to":[...],
-- ARGV[6..]  the recipients' folded names
--
-- Returns  {} if none of them is here, and then nothing was done; else the id, and for each
--          recipient the name as it is shown, or '' for who is not here
--
-- Atomic, so that "sent to sis; mom is not here" is true of one moment.
local prefix = ARGV[3]

local function find(name)
  local record = redis.call('HGET', KEYS[1], name)
  if not record then return nil end
  local user = cjson.decode(record)
  if redis.call('EXISTS', prefix .. ':lease:' .. user.gateway) == 0 then return nil end
  return user
end

local found, shown, folded, channels = {}, {}, {}, {[ARGV[4]] = true}
for i = 6, #ARGV do
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
    channels[name] = true
    shown[#shown + 1] = user.name
  end
end
if #shown == 0 then return {} end

local line = '"to":' .. cjson.encode(shown) .. ',' .. ARGV[5]
local readers = {}
for name in pairs(channels) do readers[#readers + 1] = name end
local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], ARGV[2] .. '-*',
  'd', line, 'readers', table.concat(readers, ' '))
line = '{"id":"' .. id .. '",' .. line
for _, name in ipairs(readers) do
  redis.call('SPUBLISH', prefix .. ':to:' .. name, line)
end
return {id, unpack(found)}
