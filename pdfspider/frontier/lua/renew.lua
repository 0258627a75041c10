-- Moves a worker's deadline. Answer: {epoch, 1}, or {epoch, 0} if the worker was given up. Then its leases are delivered
-- to others, and it must drop them.
--
-- ARGV[2] msgpack: {worker, lease ms}

local worker, lease_ms = unpack(cmsgpack.unpack(ARGV[2]), 1, 2)
if not is_worker(worker) or not is_number(lease_ms, 0, 2 ^ 50) then error('a malformed renewal', 0) end
local deadline = tonumber(call('ZSCORE', P .. 'workers', worker) or 0)
if deadline <= passed then return {epoch, 0} end
call('ZADD', P .. 'workers', str(now + lease_ms), worker)
return {epoch, 1}
