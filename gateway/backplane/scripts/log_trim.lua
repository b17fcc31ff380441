-- Delete messages of a log that are too old, a limited number at a time.
--
-- KEYS[1]  the log
-- ARGV[1]  milliseconds that a message is kept
-- ARGV[2]  the most messages to delete
--
-- Returns  how many were deleted
--
-- A script, because the time is in the messages and not in their ids.
return trim_old(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
