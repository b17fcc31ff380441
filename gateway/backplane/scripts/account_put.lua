-- Register a name, or change its password, and ask its holder's gateway to end that session.
--
-- KEYS[1]  accounts
-- KEYS[2]  users
-- ARGV[1]  the folded name
-- ARGV[2]  'add' for a name that is not registered, 'change' for one that is
-- ARGV[3]  the account, JSON without its beginning, {"since":<since>,"changed":<now>,
-- ARGV[4]  the text for the name's holder
-- ARGV[5]  prefix of the keys and channels of users
--
-- Returns  {} if the account exists with 'add', or does not exist with 'change': then nothing was
--          done. Else {the name as its holder wrote it, session, gateway, how many gateways heard the
--          order}, or {''} if nobody holds the name
--
-- Atomic, so that once there is a password nobody has the name without it: neither its holder, nor
-- somebody who could have resumed with a token.
local old = redis.call('HGET', KEYS[1], ARGV[1])
if (ARGV[2] == 'add') == (old ~= false) then return {} end
local record = redis.call('HGET', KEYS[2], ARGV[1])
local now = now_ms()
local readable, before = pcall(cjson.decode, old or '')
local since = readable and type(before) == 'table' and tonumber(before.since)
if not since then since = now end
redis.call('HSET', KEYS[1], ARGV[1], string.format('{"since":%.0f,"changed":%.0f,', since, now) .. ARGV[3])
redis.call('DEL', ARGV[5] .. ':resume:' .. ARGV[1])
local user = record and read_user(record)
if not user then return {''} end
-- "0" is not the hash of any token. Without tokens the count is useless.
user.resume, user.shown, user.hello = '0', '0', 0
redis.call('HSET', KEYS[2], ARGV[1], encode_user(user))
if redis.call('EXISTS', ARGV[5] .. ':lease:' .. user.gateway) == 0 then return {''} end
local heard = redis.call('SPUBLISH', ARGV[5] .. ':control:' .. user.gateway,
  'kick ' .. user.session .. ' ' .. ARGV[4])
return {user.name, user.session, user.gateway, tostring(heard)}
