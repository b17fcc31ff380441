-- What several scripts need: put in front of each of them.

-- Who a user's record is about; nil if it cannot be read, be it of another type, another version, or
-- nobody's: such a record costs itself, and nothing else.
local function read_user(record)
  local readable, user = pcall(cjson.decode, record)
  if not readable or type(user) ~= 'table' then return nil end
  for _, field in ipairs({'name', 'session', 'gateway', 'origin', 'resume'}) do
    if type(user[field]) ~= 'string' then return nil end
  end
  if type(user.began) ~= 'table' then user.began = nil end
  return user
end

