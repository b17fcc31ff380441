-- Store messages in a room's log, give them their ids and times, and publish them to everyone in the room.
--
-- KEYS[1]  the room's log
-- KEYS[2]  its epochs
-- KEYS[3]  the room's meta hash
-- KEYS[4]  its clock: the time of its last message
-- ARGV[1]  roughly how many messages the log keeps
-- ARGV[2]  Redis' run id
-- ARGV[3]  the last id of the log that the gateway knows
-- ARGV[4]  the room's channel
-- ARGV[5]  prefix of the keys with the last posts of each origin
-- ARGV[6]  milliseconds that those are kept
-- ARGV[7]  when the gateway's lease ends, milliseconds since 1970; '' for no lease
-- ARGV[8]  the version of the room's state by which the messages were allowed
-- ARGV[9]  prefix of the keys that say how long somebody must not post again
-- ARGV[10] milliseconds that an empty room is kept; '0' for a room that always exists
-- ARGV[11..]  two for each message: a head and the body, JSON. The head is
--             AUTHOR                 a message that may be posted twice. Its author is '@' and an account, the
--                                    origin of a guest, or '*' for an operator of the chat
--             ORIGIN SEQ             one that must not
--             ORIGIN SEQ NAME MS     the same, and NAME must not post again for MS milliseconds; SEQ is
--                                    '-' if the message may be posted twice
--             @ACCOUNT in front of the last two is the account of the author
--
-- Returns  for each message its id; '' if its seq was posted before and the id is no longer known; or, as
--          a number, the milliseconds that its sender must wait: then it was not posted. 'LATE' if the
--          lease may have run out, so that other sessions may have its names; 'CHANGED' if the room has
--          another version. Then nothing was posted
--
-- Atomic, so that the log, the ids, the times and what everyone receives have the same order, so that
-- a message that is sent twice is posted once, and so that nothing is posted by outdated rules.
--
-- What is published begins with the line "<previous id> <last id>", by which the receiver sees at once
-- whether something was lost before it.
local log, limit, run = KEYS[1], ARGV[1], ARGV[2]

local clock = now_ms()
if ARGV[7] ~= '' and clock > tonumber(ARGV[7]) then return 'LATE' end
if version_of(KEYS[3]) ~= ARGV[8] then return 'CHANGED' end

local at, is_first = not_before(KEYS[4], clock)
local ts = whole(at)
local first, last, next_id, behind
local function add(body, author)
  if first then
    last = redis.call('XADD', log, 'MAXLEN', '~', limit, next_id, 'd', body, 't', ts, 'o', author)
  else
    first, next_id, behind =
      add_first(log, KEYS[2], run, ARGV[3], newest_epoch(KEYS[2], run), limit, 'd', body, 't', ts, 'o', author)
    last = first
    redis.call('SET', KEYS[4], ts, 'KEEPTTL')
  end
  return last
end

-- The milliseconds that somebody must still wait. The room may have been slower, or faster, when they posted.
local function still_waits(key, pause)
  local left = redis.call('PTTL', key)
  if left <= 0 then return 0 end
  local before = redis.pcall('GET', key)
  return left + pause - (type(before) == 'string' and tonumber(before) or pause)
end

local latest, news = {}, {}
local results, lines = {}, {''}
for i = 11, #ARGV, 2 do
  local head, body = ARGV[i], ARGV[i + 1]
  if not head:find(' ', 1, true) then
    local id = add(body, head)
    results[#results + 1] = id
    lines[#lines + 1] = with_beginning(id, ts, body)
  else
    local author, rest = head:match('^(@%S+) (.*)$')
    local origin, seq, slow = (rest or head):match('^(%x+) (%S+)(.*)$')
    local name, pause = slow:match('^ (%S+) (%d+)$')
    if seq ~= '-' and not latest[origin] then
      latest[origin], news[origin] = newest_seq(ARGV[5] .. origin), ''
    end
    if seq ~= '-' and tonumber(seq) <= latest[origin] then
      local posted = redis.call('GET', ARGV[5] .. origin) or ''
      results[#results + 1] = posted_as(posted .. news[origin], seq)
    else
      local wait = name and still_waits(ARGV[9] .. name, tonumber(pause)) or 0
      if wait > 0 then
        results[#results + 1] = wait
      else
        local id = add(body, author or origin)
        if name then redis.call('SET', ARGV[9] .. name, pause, 'PX', pause) end
        if seq ~= '-' then
          latest[origin] = tonumber(seq)
          news[origin] = news[origin] .. '\n' .. seq .. ' ' .. id
        end
        results[#results + 1] = id
        lines[#lines + 1] = with_beginning(id, ts, body)
      end
    end
  end
end
-- They count as posted only now that they are stored.
for origin, lately in pairs(news) do
  if lately ~= '' then keep_posted(ARGV[5] .. origin, lately, ARGV[6]) end
end
-- If a room is about to end, or has ended, a first message must not keep it forever.
if first and is_first and ARGV[10] ~= '0' then
  local left = redis.call('PTTL', KEYS[3])
  if left == -2 then left = ARGV[10] end
  if tonumber(left) > 0 then
    for _, key in ipairs({log, KEYS[2], KEYS[4]}) do redis.call('PEXPIRE', key, left) end
  end
end
if first then
  lines[1] = behind .. ' ' .. last .. '\n'
  redis.call('SPUBLISH', ARGV[4], table.concat(lines))
end
return results
