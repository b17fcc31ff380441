-- Store messages in a room's log, give them their ids, and publish them to everyone in the room.
--
-- KEYS[1]  the room's log
-- KEYS[2]  its epochs
-- ARGV[1]  how many messages the log keeps, roughly
-- ARGV[2]  id of the run of Redis
-- ARGV[3]  the last id that the gateway knows of this log
-- ARGV[4]  the room's channel
-- ARGV[5]  what the keys begin with that hold what each origin posted last
-- ARGV[6]  milliseconds for which those are kept
-- ARGV[7]  until when the lease of the gateway holds, milliseconds since 1970; '' for no lease
-- ARGV[8..]  lines:  {...            an event: published as it is, and not stored
--                    "...            a message that lacks its beginning, {"id":"<id>",
--                    ORIGIN SEQ "..  the same, and not to be posted twice
--
-- Returns  for each message its id; '' for one whose seq is not new, and whose id is not known any
--          more. 'LATE' if the lease may have run out: its names may be somebody else's, and nothing
--          was posted
--
-- Atomic, so that the order of the log, of the ids and of what everyone receives is one order, and
-- so that of two attempts to post a message one is the first.
--
-- What is published begins with a line of its own, "<previous id> <last id>": who receives it sees at
-- once whether something was lost before it. Where no message is in it both are the last of the log.
local BRACE, QUOTE = 123, 34
local log, limit, run = KEYS[1], ARGV[1], ARGV[2]

local clock = now_ms()
local now = whole(clock)
if ARGV[7] ~= '' and clock > tonumber(ARGV[7]) then
  return 'LATE'
end
local first, last, next_id, behind
local function add(line)
  if first then
    last = redis.call('XADD', log, 'MAXLEN', '~', limit, next_id, 'd', line, 't', now)
  else
    local record = redis.pcall('GET', KEYS[2])
    local epoch, start
    if type(record) == 'string' then epoch, start = record:match('^(%d+) ' .. run .. ' (%d+)$') end
    if epoch and tonumber(epoch) < tonumber(start) then epoch = nil end
    first, next_id, behind =
      add_first(log, KEYS[2], run, ARGV[3], epoch, limit, 'd', line, 't', now)
    last = first
  end
  return last
end

local latest, news = {}, {}
local ids, lines = {}, {''}
for i = 8, #ARGV do
  local line = ARGV[i]
  if line:byte(1) == BRACE then
    lines[#lines + 1] = line
  else
    local id
    local stored = true
    if line:byte(1) ~= QUOTE then
      local origin, seq
      origin, seq, line = line:match('^(%x+) (%d+) (.*)$')
      if not latest[origin] then
        latest[origin], news[origin] = newest_seq(ARGV[5] .. origin), ''
      end
      if tonumber(seq) <= latest[origin] then
        local posted = redis.call('GET', ARGV[5] .. origin) or ''
        id, stored = posted_as(posted .. news[origin], seq), false
      else
        id = add(line)
        latest[origin] = tonumber(seq)
        news[origin] = news[origin] .. '\n' .. seq .. ' ' .. id
      end
    else
      id = add(line)
    end
    ids[#ids + 1] = id
    if stored then lines[#lines + 1] = '{"id":"' .. id .. '",' .. line end
  end
end
-- Only now that they are stored they count as posted.
for origin, lately in pairs(news) do
  if lately ~= '' then keep_posted(ARGV[5] .. origin, lately, ARGV[6]) end
end
if #lines > 1 then
  local upto = last or tail(log, KEYS[2], run, NOTHING)
  lines[1] = (behind or upto) .. ' ' .. upto .. '\n'
  redis.call('SPUBLISH', ARGV[4], table.concat(lines))
end
return ids
