-- Find out which run of Redis this is; if it is a new one, begin the epochs of people's logs with it.
--
-- KEYS[1]  the epochs of people's logs; none if this server does not have them
--
-- Returns  Redis' run id; 'unknown' for an imitation without one, which keeps its data only while it runs. Then its
--          mode: 'cluster' for a server of a cluster
--
-- A script, because the imitation closes a connection that sends a command it does not know.
local info = redis.pcall('INFO', 'server')
local run, mode = 'unknown', ''
if type(info) == 'string' then
  run = info:match('run_id:(%w+)') or run
  mode = info:match('redis_mode:(%w+)') or mode
elseif not tostring(info.err):find('unknown command', 1, true) then
  return info
end
if KEYS[1] then epochs(KEYS[1], run) end
return {run, mode}
