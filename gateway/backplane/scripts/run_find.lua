-- Find out which start of Redis this is, and begin the epochs of people's logs with it if it is another one.
--
-- KEYS[1]  the epochs of people's logs
--
-- Returns  its run id; 'unknown' for an imitation that has none, and no memory to lose but with us
--
-- A script, since the imitation ends a connection that asks for what it does not know.
local info = redis.pcall('INFO', 'server')
local run = 'unknown'
if type(info) == 'string' then
  run = info:match('run_id:(%w+)') or run
elseif not tostring(info.err):find('unknown command', 1, true) then
  return info
end
epochs(KEYS[1], run)
return run
