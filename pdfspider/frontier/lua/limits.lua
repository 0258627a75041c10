-- Sets delay and cap of hosts by the jobs that have work there, after an option of a job has changed.
--
-- ARGV[2] msgpack: {host id, …}
-- Answer: how many hosts were set.

local MOST_HOSTS = 500
local hosts = cmsgpack.unpack(ARGV[2])
if type(hosts) ~= 'table' or #hosts > MOST_HOSTS then error('malformed hosts', 0) end
for i = 1, #hosts do
  if not (type(hosts[i]) == 'string' and #hosts[i] == 16 and string.find(hosts[i], '^%x+$')) then
    error('a malformed host', 0)
  end
end
expect('zset', P .. 'hosts')

local function renew(hid)
  expect('zset', P .. 'host:' .. hid .. ':jobs')
  host_in_flight(hid)
  if call('EXISTS', P .. 'host:' .. hid .. ':jobs') == 0 then return end
  limits(hid)
  schedule(hid, nil, true)
end

local done = 0
for i = 1, #hosts do
  if pcall(renew, hosts[i]) then done = done + 1 end
end
return done
