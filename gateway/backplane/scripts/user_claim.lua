-- Claim a name for a session, or say that it is taken.
--
-- KEYS[1]  users
-- KEYS[2]  the user's alive key
-- KEYS[3]  the set of names that the claiming gateway holds
-- ARGV[1]  the folded name
-- ARGV[2]  the session's id
-- ARGV[3]  the session's record, JSON
-- ARGV[4]  milliseconds since the user's last activity
-- ARGV[5]  milliseconds of inactivity that the user is given; 0 for no end
-- ARGV[6]  what the keys and channels of users begin with
-- ARGV[7]  hash of the resume token that the peer showed; '' for none
--
-- Returns  {'granted'}            the name was free, or this session's already
--          {'resumed'}            it was taken back from the peer's own older session
--          {'inherited', record}  its holder's gateway is dead: nobody has said yet that he left
--          {'taken'}              and then nothing was done
--
-- Atomic, so that of two who want a name one gets it.
local outcome = {'granted'}
local record = redis.call('HGET', KEYS[1], ARGV[1])
if record then
  local holder = cjson.decode(record)
  if holder.session ~= ARGV[2] then
    local lives = redis.call('EXISTS', ARGV[6] .. ':lease:' .. holder.gateway) == 1
    if ARGV[7] ~= '' and holder.resume == ARGV[7] then
      outcome = {'resumed'}
      redis.call('SPUBLISH', ARGV[6] .. ':control:' .. holder.gateway,
        'replaced ' .. holder.session)
    elseif lives then
      return {'taken'}
    else
      outcome = {'inherited', record}
    end
    redis.call('SREM', ARGV[6] .. ':held:' .. holder.gateway, ARGV[1])
  end
end

local now = redis.call('TIME')
local active = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[4]
local value = ARGV[2] .. ' ' .. string.format('%.0f', active)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('SADD', KEYS[3], ARGV[1])
if ARGV[5] == '0' then
  redis.call('SET', KEYS[2], value)
else
  redis.call('SET', KEYS[2], value, 'PX', math.max(1, ARGV[5] - ARGV[4]))
end
return outcome
