-- Record which rooms a session is in, where it began in each, and whether mail waits still.
--
-- KEYS[1]  users
-- ARGV[1]  the folded name
-- ARGV[2]  the session
-- ARGV[3]  the rooms, a JSON list
-- ARGV[4]  where it began in each: JSON, room -> id of the last message before
-- ARGV[5]  the id after which private messages may not have arrived; '' for none
--
-- Returns  1 if it was done; 0 if the session no longer has its name
--
-- Atomic, so that a session that lost its name does not change its successor's record.
local text = redis.call('HGET', KEYS[1], ARGV[1])
local user, line = find_session(text, ARGV[2])
if not user then return 0 end
local began = cjson.decode(ARGV[4])
began['@'] = began['@'] or user.began and user.began['@']
user.rooms, user.began = cjson.decode(ARGV[3]), began
user.mail = ARGV[5] ~= '' and ARGV[5] or nil
-- First what needs no memory: then a full Redis does not refuse the rest.
redis.call('HDEL', KEYS[1], '')
redis.call('HSET', KEYS[1], ARGV[1], replace_line(text, line, encode_user(user)))
return 1
