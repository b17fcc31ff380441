-- List the users that are written down for a gateway, some at a time.
--
-- KEYS[1]  the set of names that it holds
-- KEYS[2]  users
-- ARGV[1]  its id
-- ARGV[2]  cursor: '0' at first, then what the call before returned
-- ARGV[3]  about how many
--
-- Returns  the next cursor ('0': that was all), then the records, JSON
--
-- Atomic, so that a name that is taken out of the set, since no record says that the gateway holds
-- it, is not one that it claims meanwhile.
local page = redis.call('SSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local found = {page[1]}
for _, name in ipairs(page[2]) do
  local record = redis.call('HGET', KEYS[2], name)
  local user = record and read_user(record)
  if user and user.gateway == ARGV[1] then
    found[#found + 1] = record
  else
    redis.call('SREM', KEYS[1], name)
  end
end
return found
