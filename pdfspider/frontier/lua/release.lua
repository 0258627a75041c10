-- Gives leases back, now or after a delay.
--
-- ARGV[2] msgpack: {worker, rules, release, …}; rules and sign: see hear
--   release  {token, delay ms, ms since the fetch started (-1: never), sign, whether this try is counted}
-- Answer: ok or fenced for each, in order.

local request = cmsgpack.unpack(ARGV[2])
local worker, rules = request[1], request[2]

local function again(job, lease, delay, counted)
  local m, score = lease.member, lease.score
  local deliveries = math.min(string.byte(m, 11) + (counted and 1 or 0), 255)
  m = string.sub(m, 1, 10) .. string.char(deliveries) .. string.sub(m, 12)
  if delay > 0 or score >= DELAYED then score = DELAYED + now + delay end
  enqueue(job, lease.hid, m, score)
end

-- A URL that is tried again waits for its host, and a little longer: others of the host come before it.
local function delay_behind_host(hid, delay)
  local rest = int(call('HGET', P .. 'host:' .. hid, 'until')) - now
  return rest > 0 and math.max(delay, math.ceil(rest + math.min(rest / 4, 2000))) or delay
end

local function release(token, delay, ago, sign, counted)
  local lease = take_lease(worker, token)
  if not lease then return 'fenced' end
  call('HDEL', P .. 'worker:' .. worker, token)
  if lease.kind == 'r' then sign[2] = math.max(sign[2], delay) end
  hear(place_of(lease), token, sign, rules)
  if lease.at then hold_host(lease.hid, delay) end
  if sign[1] == 'busy' and delay > 0 then delay = delay_behind_host(lease.hid, delay) end
  local job = lease.kind ~= 'r' and job_of(lease.run)
  if job then
    lease_counts(job, lease, -1)
    if job.state == 'cancelling' then cancel_member(job, lease.member) else again(job, lease, delay, counted) end
  end
  if lease.kind == 'r' then
    leave_robots(lease, token, ago)
  else
    end_flight(lease.hid, token, ago)
    schedule(lease.hid)
  end
  return 'ok'
end

check_rules(rules)
for i = 3, #request do
  local token, delay, ago, sign, counted = unpack(request[i], 1, 5)
  if not (type(token) == 'string' and type(delay) == 'number' and type(ago) == 'number'
    and type(counted) == 'boolean') then error('a malformed release') end
  check_sign(sign)
end
local answers = {}
for i = 3, #request do answers[i - 2] = release(unpack(request[i])) end
flush_jobs()
return answers
