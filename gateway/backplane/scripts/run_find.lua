-- Find out which run of Redis this is; if it is a new one, begin the epochs of people's logs with it.
--
-- KEYS[1]  the epochs of people's logs
--
-- Returns  Redis' run id; 'unknown' for an imitation without one, which keeps its data only while it runs
--
-- A script, because the imitation closes a connection that sends a command it does not know.
local info = redis.pcall('INFO', 'server')
local run = 'unknown'
if type(info) == 'string' then
  run = info:match('run_id:(%w+)') or run
elseif not tostring(info.err):find('unknown command', 1, true) then
  return info
end
epochs(KEYS[1], run)
return run
