-- Find the epoch, or begin a new one if this is not the Redis that the last one was begun with.
--
-- KEYS[1]  epoch: "<epoch> <run id>"
-- ARGV[1]  the last epoch that the gateway knows of; 0 for none
--
-- Returns  the epoch
--
-- Atomic, so that all gateways agree on it. A Redis that was restarted, or took over, may have
-- lost what it acknowledged last, and would give the ids of that a second time. What tells one start
-- from another is its run id.
local info = redis.pcall('INFO', 'server')
local this_run = 'unknown'
if type(info) == 'string' then
  this_run = info:match('run_id:(%w+)')
elseif not tostring(info.err):find('unknown command', 1, true) then
  return info
end -- fakeredis has no INFO, and no memory to lose but with us.
local epoch, run = (redis.call('GET', KEYS[1]) or ''):match('(%d+) (%S+)')
if run ~= this_run then
  -- Seconds since 1970, since a Redis that lost its memory does not know its last epoch, and a
  -- gateway may be new too.
  epoch = string.format('%.0f',
    math.max(redis.call('TIME')[1], (epoch or 0) + 1, ARGV[1] + 1))
  redis.call('SET', KEYS[1], epoch .. ' ' .. this_run)
end
return epoch
