-- Give a session another name.
--
-- KEYS[1]  users
-- KEYS[2]  the set of names that its gateway holds
-- KEYS[3]  accounts
-- KEYS[4]  the epochs of people's logs
-- ARGV[1]  the folded name until now
-- ARGV[2]  the session
-- ARGV[3]  the new name, folded
-- ARGV[4]  the new name as it is shown
-- ARGV[5]  prefix of the keys of users
-- ARGV[6]  Redis' run id
-- ARGV[7]  milliseconds that private messages of a registered name are kept
-- ARGV[8]  the most sessions of a registered name
--
-- Returns  {the last id of the log under the old name, the id in the new log after which the session begins, the last id
--          of the new log: after the other one if messages wait}. 'GONE' if
--          the session has lost its name; 'TAKEN' if somebody else has the new one, or it has too many sessions;
--          'REGISTERED' if it belongs to another account
--
-- A guest takes the log along: it is the same log under another name. Each name of an account has its own.
--
-- Atomic, so that if two sessions want a name only one gets it, and no message goes to nobody.
local old, session, new, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
need_set(KEYS[2])
local text = redis.call('HGET', KEYS[1], old)
local user, line = find_session(text, session)
if not user then return 'GONE' end
local account = account_of(KEYS[3], new)
local there = redis.call('HGET', KEYS[1], new) or ''
local function log_of(name) return prefix .. ':log:' .. name end
if old ~= new then
  if (account and account.name or nil) ~= user.account then return 'REGISTERED' end
  if #read_sessions(there) >= (account and tonumber(ARGV[8]) or 1) then return 'TAKEN' end
end

local last = tail(log_of(old), KEYS[4], ARGV[6], NOTHING)
user.name, user.folded, user.mail = ARGV[4], new, nil
if old == new then
  redis.call('HSET', KEYS[1], new, replace_line(text, line, encode_user(user)))
  return {last, last, last}
end
local start, newest = last, last
if account then
  newest = tail(log_of(new), KEYS[4], ARGV[6], NOTHING)
  start = newest
  local waits = redis.pcall('HGET', prefix .. ':waiting:' .. new, 'after')
  if type(waits) == 'string' and waits:find('^%d+%-%d+$') then start = waits end
  for _, kind in ipairs({'log', 'front', 'reactions'}) do redis.call('PERSIST', prefix .. ':' .. kind .. ':' .. new) end
  redis.call('DEL', prefix .. ':waiting:' .. new)
else
  for _, kind in ipairs({'log', 'front', 'reactions', 'waiting'}) do
    local from, to = prefix .. ':' .. kind .. ':' .. old, prefix .. ':' .. kind .. ':' .. new
    redis.call('DEL', to)
    if redis.call('EXISTS', from) == 1 then redis.call('RENAME', from, to) end
  end
  redis.call('DEL', prefix .. ':resume:' .. new)
end
user.began = user.began or {}
if account then user.began['@'] = start end
local rest = replace_line(text, line)
write_text(KEYS[1], old, rest)
forget_held(prefix, user.gateway, old, rest)
if account and #read_sessions(rest) == 0 then expire_log(prefix, old, ARGV[7]) end
redis.call('HSET', KEYS[1], new, add_line(there, encode_user(user)))
redis.call('SADD', KEYS[2], new)
return {last, start, newest}
