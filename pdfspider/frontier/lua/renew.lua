-- Moves a worker's one deadline. Answers {epoch, 1}, or {epoch, 0} when the worker has been given up:
-- its leases are being delivered to others and it must drop them.
--
-- ARGV[2] msgpack: {worker, lease ms}

local worker, lease_ms = unpack(cmsgpack.unpack(ARGV[2]))
local deadline = tonumber(call('ZSCORE', P .. 'workers', worker) or 0)
local epoch = int(call('HGET', P .. 'meta', 'epoch'))
if deadline <= passed then return {epoch, 0} end
call('ZADD', P .. 'workers', str(now + lease_ms), worker)
return {epoch, 1}
