-- A further request to the host of a lease that is out: answers the ms to wait before it may start, or -1 if fenced.
--
-- ARGV[2] msgpack: {worker, token, ms since the last request of this lease started}

local worker, token, ago = unpack(cmsgpack.unpack(ARGV[2]))
local lease = take_lease(worker, token)
if not lease then return -1 end
note_start(lease.hid, token, ago)
local host = host_of(lease.hid)
local planned = math.max(now, due_at(host))
plan_start(lease.hid, host, token, planned)
schedule(lease.hid)
return planned - now
