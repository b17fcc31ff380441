-- Free a name and the other names of its account, or one such other name alone.
--
-- KEYS[1]  accounts
-- KEYS[2]  users
-- ARGV[1]  the folded name
-- ARGV[2]  prefix of the keys of users
--
-- Returns  the folded names that were registered; {} if the name was not
--
-- Who has one of the names now keeps it, without the account. What was for the account is deleted: the next person with
-- the name may be somebody else.
--
-- Atomic, so that no name is left behind that belongs to no account.
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return {} end
local account = read_account(record)
local names = {ARGV[1], unpack(account.names or {})}
if account.owner and account.owner ~= '' then
  local owner = read_account(redis.call('HGET', KEYS[1], account.owner))
  if owner.name then
    local left = {}
    for _, name in ipairs(owner.names) do
      if name ~= ARGV[1] then left[#left + 1] = name end
    end
    redis.call('HSET', KEYS[1], account.owner, encode_account(owner, left))
  end
else
  redis.call('DEL', ARGV[2] .. ':ignored:' .. ARGV[1], ARGV[2] .. ':marks:' .. ARGV[1])
end
for _, name in ipairs(names) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('DEL', ARGV[2] .. ':resume:' .. name)
  if redis.call('HEXISTS', KEYS[2], name) == 0 then expire_log(ARGV[2], name, 0) end
end
return names
