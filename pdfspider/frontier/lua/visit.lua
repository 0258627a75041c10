-- Moves a robots lease to the host to which its robots.txt redirects, under that host's gate. Answer: the ms to wait before
-- the request may start; -1 if fenced; -2 if the worker has to ask again (nothing else is leased at the host until then);
-- -3 if another robots lease is at the host.
--
-- ARGV[2] msgpack: {worker, token, ms since the last request of this lease started, host}

local LATEST = 2500 -- as in permit.lua

local worker, token, ago, hid = unpack(cmsgpack.unpack(ARGV[2]), 1, 4)
if not (is_worker(worker) and type(token) == 'string' and is_number(ago, -1, 2 ^ 52) and type(hid) == 'string'
  and string.find(hid, '^%x+$') and #hid == 16) then
  error('a malformed visit', 0)
end
local lease = take_lease(worker, token)
if not lease or lease.kind ~= 'r' then return -1 end
host_in_flight(hid)
host_in_flight(lease.hid)

local function leave()
  end_flight(place_of(lease), host_in_flight(place_of(lease)), token, ago)
  if place_of(lease) ~= lease.hid then open_again(lease.at, token) end
  lease.at = hid
  call('HSET', P .. 'worker:' .. worker, token, cmsgpack.pack(lease))
end

if place_of(lease) ~= hid then leave() end
local key, host = P .. 'host:' .. hid, host_of(hid)
if host.robots and host.robots ~= token then return -3 end
call('HSET', key, 'robots', token)
schedule(hid)
if call('SISMEMBER', key .. ':flight', token) == 1 then return math.max(host.last - now, 0) end
if call('SCARD', key .. ':flight') >= host.cap then return -2 end
if host.starting and host.gap > 0 and now < host.last + LATEST then return -2 end
host.pause = math.max(host.pause, int(call('HGET', P .. 'host:' .. lease.hid, 'delay')))
local planned = math.max(now, due_at(host))
if planned > now + 60000 then return -2 end
plan_start(hid, host, token, planned)
call('SADD', key .. ':flight', token)
return planned - now
