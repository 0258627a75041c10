-- Permits one more request to the host of a lease. Answer: the ms to wait before it may start; -1 if fenced; or -2 if the
-- worker has to ask again, because another start was planned and not reported yet.
--
-- ARGV[2] msgpack: {worker, token, ms since the last request of this lease started}

-- A little more than the ms after which a worker gives up a start that others wait for (MAX_START_DELAY_S in leases.py).
local LATEST = 2500

local worker, token, ago = unpack(cmsgpack.unpack(ARGV[2]), 1, 3)
if not (is_worker(worker) and type(token) == 'string' and is_number(ago, -1, 2 ^ 52)) then error('a malformed start', 0) end
local lease = take_lease(worker, token)
if not lease then return -1 end
local hid = place_of(lease)
local host = host_in_flight(hid)
note_start(hid, host, token, ago)
if host.starting and host.gap > 0 and now < host.last + LATEST then return -2 end
local planned = math.max(now, due_at(host))
plan_start(hid, host, token, planned)
schedule(hid)
return planned - now
