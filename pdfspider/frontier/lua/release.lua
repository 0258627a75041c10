-- Gives leases back, now or after a delay.
--
-- ARGV[2] msgpack: {worker, release, …}
--   release  {token, delay ms, ms since the fetch started (-1: never), hold host ms, whether this try is counted}
-- Answer: ok or fenced for each, in order.

local request = cmsgpack.unpack(ARGV[2])
local worker = request[1]

local function again(job, lease, delay, counted)
  local m, score = lease.member, lease.score
  local deliveries = math.min(string.byte(m, 11) + (counted and 1 or 0), 255)
  m = string.sub(m, 1, 10) .. string.char(deliveries) .. string.sub(m, 12)
  if delay > 0 or score >= DELAYED then score = DELAYED + now + delay end
  enqueue(job, lease.hid, m, score)
end

local function release(token, delay, ago, hold, counted)
  local lease = take_lease(worker, token)
  if not lease then return 'fenced' end
  call('HDEL', P .. 'worker:' .. worker, token)
  local job = lease.kind ~= 'r' and job_of(lease.run)
  if job then
    lease_counts(job, lease, -1)
    if job.state == 'cancelling' then cancel_member(job, lease.member) else again(job, lease, delay, counted) end
  end
  end_flight(lease.hid, token, ago)
  hold_host(lease.hid, lease.kind == 'r' and math.max(hold, delay) or hold)
  if lease.kind == 'r' then call('HDEL', P .. 'host:' .. lease.hid, 'robots') end
  schedule(lease.hid)
  return 'ok'
end

for i = 2, #request do
  local token, delay, ago, hold, counted = unpack(request[i], 1, 5)
  if not (type(token) == 'string' and type(delay) == 'number' and type(ago) == 'number' and type(hold) == 'number'
    and type(counted) == 'boolean') then error('a malformed release') end
end
local answers = {}
for i = 2, #request do answers[i - 1] = release(unpack(request[i])) end
flush_jobs()
return answers
