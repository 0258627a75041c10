-- Records a request start, so that the host's next start can be planned before the lease ends.
--
-- ARGV[2] msgpack: {worker, token, ms since the start}

local worker, token, ago = unpack(cmsgpack.unpack(ARGV[2]), 1, 3)
if not (is_worker(worker) and type(token) == 'string' and is_number(ago, -1, 2 ^ 52)) then error('a malformed start', 0) end
local lease = take_lease(worker, token)
if not lease then return 0 end
local hid = place_of(lease)
local host = host_in_flight(hid)
note_start(hid, host, token, ago)
schedule(hid, nil, false, host)
return 1
