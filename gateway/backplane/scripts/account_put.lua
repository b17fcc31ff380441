-- Register a name, or change the password of an account, and end the sessions that must not go on.
--
-- KEYS[1]  accounts
-- KEYS[2]  users
-- ARGV[1]  the folded name
-- ARGV[2]  'add' for a name that is not registered, 'change' for an account
-- ARGV[3]  the name as it is shown
-- ARGV[4]  the hash of the password; '' if the name belongs to another account
-- ARGV[5]  the text for the people whose sessions end
-- ARGV[6]  prefix of the keys and channels of users
-- ARGV[7]  the folded name of the account that the name belongs to; '' if it is its own
-- ARGV[8]  the session that asks for it, and goes on; '' for an operator
-- ARGV[9]  its folded name
-- ARGV[10] the most names of an account
--
-- Returns  four for each session that ends: the name as its holder wrote it, session, gateway, how many gateways heard
--          the order. Or, and then nothing was done: 'EXISTS' the name is registered already, 'NONE' it is not, or the
--          account of ARGV[7] is not; 'OWNED' its password is another account's; 'MANY' the account has as many
--          names as it may have; 'TAKEN' somebody else has the name now; 'GONE' the session has lost its name
--
-- Atomic, so that once there is a password nobody has the name without it: neither its holder, nor
-- somebody who could have resumed with a token.
local name, action, hash, prefix, owner, asks = ARGV[1], ARGV[2], ARGV[4], ARGV[6], ARGV[7], ARGV[8]
local now = now_ms()
local record = redis.call('HGET', KEYS[1], name)
local old = read_account(record)
if action == 'add' and record then return 'EXISTS' end
if action == 'change' and not record then return 'NONE' end
if action == 'change' and old.owner and old.owner ~= '' then return 'OWNED' end
local owner_record = owner ~= '' and redis.call('HGET', KEYS[1], owner)
local of = read_account(owner_record)
if owner ~= '' then
  if not of.name or of.owner and of.owner ~= '' then return 'NONE' end
  if #of.names >= tonumber(ARGV[10]) then return 'MANY' end
end
if asks ~= '' then
  if not find_session(redis.call('HGET', KEYS[2], ARGV[9]), asks) then return 'GONE' end
  if name ~= ARGV[9] and action == 'add' and redis.call('HEXISTS', KEYS[2], name) == 1 then return 'TAKEN' end
end

local account = action == 'change' and old or {names = {}}
account.names = account.names or {}
account.name, account.hash, account.owner = account.name or ARGV[3], hash, owner
account.since, account.changed = account.since or now, now
account.kept = asks ~= '' and asks or nil
local names = {name, unpack(account.names)}
redis.call('HSET', KEYS[1], name, encode_account(account, account.names))
if owner ~= '' then
  of.names[#of.names + 1] = name
  redis.call('HSET', KEYS[1], owner, encode_account(of, of.names))
end
if action == 'add' and name ~= ARGV[9] then
  -- What was for a guest of that name is not for the account.
  expire_log(prefix, name, 0)
end

local ended = {}
for _, each in ipairs(names) do
  redis.call('DEL', prefix .. ':resume:' .. each)
  local text = redis.call('HGET', KEYS[2], each)
  local users, lines = read_sessions(text)
  for _, user in ipairs(users) do
    if user.session == asks then
      user.account = owner ~= '' and owner or name
      text = replace_line(text, lines[user], encode_user(user))
    else
      -- "0" is not the hash of any token. Without tokens the count is useless.
      user.resume, user.shown, user.hello = '0', '0', 0
      text = replace_line(text, lines[user], encode_user(user))
      if redis.call('EXISTS', prefix .. ':lease:' .. user.gateway) == 1 then
        local heard = redis.call('SPUBLISH', prefix .. ':control:' .. user.gateway,
          'kick ' .. user.session .. ' ' .. ARGV[5])
        for _, part in ipairs({user.name, user.session, user.gateway, tostring(heard)}) do
          ended[#ended + 1] = part
        end
      end
    end
  end
  if #users > 0 then redis.call('HSET', KEYS[2], each, text) end
end
return ended
