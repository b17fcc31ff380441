-- Find out which of these people are here, or may come back.
--
-- KEYS[1]  users
-- ARGV[1]  what the keys of users begin with
-- ARGV[2..]  folded names
--
-- Returns  for each name the one that is shown, or '' if nobody has it
--
-- Atomic, and a script, since it reads two keys for each name.
local function name_in(record)
  local ok, user = pcall(cjson.decode, record)
  return ok and type(user) == 'table' and type(user.name) == 'string' and user.name
end

local found = {}
for i = 2, #ARGV do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
    or redis.call('GET', ARGV[1] .. ':resume:' .. ARGV[i])
  found[#found + 1] = record and name_in(record) or ''
end
return found
