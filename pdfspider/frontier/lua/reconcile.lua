-- Takes leases from a worker that does not know them; the next sweep queues their URLs again. If Redis has lost its last
-- writes, the worker may have ended these leases already, and its renewals would keep them out for ever.
--
-- ARGV[2] msgpack: {worker, {token that it holds, …}}
-- Answer: how many there were.

local worker, tokens = unpack(cmsgpack.unpack(ARGV[2]), 1, 2)
if not is_worker(worker) or type(tokens) ~= 'table' then error('a malformed reconciliation', 0) end
local leases_key, lost = P .. 'worker:' .. worker, worker .. '-lost'
local held, unknown = {}, 0
expect('hash', P .. 'worker:' .. lost)
expect('zset', P .. 'workers')
for _, token in ipairs(tokens) do held[token] = true end
for _, token in ipairs(call('HKEYS', leases_key)) do
  if not held[token] then
    call('HSET', P .. 'worker:' .. lost, token, call('HGET', leases_key, token))
    call('HDEL', leases_key, token)
    unknown = unknown + 1
  end
end
if unknown > 0 then call('ZADD', P .. 'workers', '0', lost) end
return unknown
