-- Gives leases back, now or after a delay.
--
-- ARGV[2] msgpack: {worker, rules, release, …}; rules and signal: see apply_signal
--   release  {token, delay ms, ms since the fetch started (-1: never), signal, whether this try counts, whether the
--             work on it had no result, the class code of the failure that is tried again or ''}
-- Answer: ok or fenced for each, in order, or the text of an error; then that part has changed nothing.

-- Returns after which a URL or a robots.txt ends, whatever the reasons were; else it might never end.
local MOST_RETURNS, MOST_RELEASES = 64, 5000
local GAVE_UP, NO_ROBOTS = 'I', 'U'
local request = cmsgpack.unpack(ARGV[2])
local worker, rules = request[1], request[2]
if not is_worker(worker) then error('a malformed release', 0) end

local function again(job, lease, place, delay, counted, returned)
  local m, score = lease.member, lease.score
  local verdict = string.sub(m, 10, 10)
  local deliveries, returns = string.byte(m, 11), string.byte(m, 13)
  if counted then deliveries, returns = math.min(deliveries + 1, 255), 0
  elseif returned and lease.kind == 'u' then returns = returns + 1 end
  if returns >= MOST_RETURNS then verdict, returns = GAVE_UP, 0 end
  m = string.sub(m, 1, 9) .. verdict .. string.char(deliveries) .. string.sub(m, 12, 12) .. string.char(returns)
    .. string.sub(m, HEADER + 1)
  if delay > 0 or score >= DELAYED then score = DELAYED + now + delay end
  enqueue(job, lease.hid, m, score, place)
end

-- A URL that is tried again waits a little longer than its host, so that the host's other URLs come first.
local function delay_behind_host(hid, delay)
  local rest = int(call('HGET', P .. 'host:' .. hid, 'until')) - now
  return rest > 0 and math.max(delay, math.ceil(rest + math.min(rest / 4, 2000))) or delay
end

local function release_robots(lease, returned)
  local host_key = P .. 'host:' .. lease.hid
  if not returned or call('HINCRBY', host_key, 'returns', 1) < MOST_RETURNS then return end
  call('HDEL', host_key, 'returns')
  set_robots(lease.origin, '', NO_ROBOTS, lease_period)
end

-- The queue's place, read with all else that put_back writes to.
local function read_place(job, lease, host)
  if job.state == 'cancelling' then seen_state(job, string.sub(lease.member, 1, 8))
  else expect('zset', P .. 'q:' .. lease.hid .. ':' .. job.run) end
  return queue_place(lease.hid, job, host)
end

local function put_back(job, lease, place, delay, counted, returned)
  lease_counts(job, lease, -1)
  if job.state == 'cancelling' then cancel_member(job, lease.member)
  else again(job, lease, place, delay, counted, returned) end
end

local function release(token, delay, ago, signal, counted, returned, code)
  local lease = take_lease(worker, token)
  if not lease then return 'fenced' end
  local hid, job = lease.hid, lease.kind ~= 'r' and job_of(lease.run)
  local host = host_in_flight(place_of(lease))
  if lease.at then host_in_flight(hid) end
  local place = job and read_place(job, lease, host)
  if not job and lease.origin then expect('hash', robots_key(lease.origin)) end
  call('HDEL', P .. 'worker:' .. worker, token)
  if lease.kind == 'r' then signal[2] = math.max(signal[2], delay) end
  local changed = apply_signal(place_of(lease), host, token, signal, rules)
  if lease.at then hold_host(hid, delay) end
  if signal[1] == 'busy' and delay > 0 then delay = delay_behind_host(hid, delay) end
  if job then put_back(job, lease, place, delay, counted, returned) end
  if code ~= '' then
    totals.add('r:' .. code, 1)
    call('HSET', P .. 'host:' .. place_of(lease), 'cause', code)
  end
  if lease.kind == 'r' then
    release_robots(lease, returned)
    leave_robots(lease, host, token, ago)
  else
    end_flight(hid, host, token, ago)
    schedule(hid, nil, false, not changed and host)
  end
  return 'ok'
end

check_rules(rules)
if #request > MOST_RELEASES then error('too many releases', 0) end
for i = 3, #request do
  if type(request[i]) ~= 'table' then error('a malformed release', 0) end
  local token, delay, ago, signal, counted, returned, code = unpack(request[i], 1, 7)
  if not (type(token) == 'string' and is_number(delay, 0, 2 ^ 50) and is_number(ago, -1, 2 ^ 52)
    and type(counted) == 'boolean' and type(returned) == 'boolean' and type(code) == 'string' and #code < 2) then
    error('a malformed release', 0)
  end
  check_signal(signal)
end
expect('zset', P .. 'breakers')
local answers = {}
for i = 3, #request do
  local done, answer = pcall(release, unpack(request[i], 1, 7))
  answers[i - 2] = done and answer or (type(answer) == 'table' and answer.err or tostring(answer))
end
flush_jobs()
totals.flush()
return answers
