-- Does a bounded part of the housekeeping: queues the leases of dead workers again, drops queues of cancelled runs, brings
-- back those of resumed runs, ends those of runs whose time is over, and removes old keys.
--
-- ARGV[2] msgpack: {deliveries allowed}
-- Answer: {1 if there is more to do at once, else 0; blocks of the overflow of cancelled runs: see lease; a queue that
-- is over its cap, HOST:RUN, or ''; a job whose schedule has come, or ''; now}

-- The first two expiries may be another URL's fault; only further ones count against the URL.
local request = cmsgpack.unpack(ARGV[2])
if not is_number(request[1], 0, 2 ^ 50) then error('a malformed sweep', 0) end
local max_deliveries = math.max(request[1], ALONE_AFTER + 1)
local STEP, DROP = 64, 512
local AGAIN = 500 -- ms after which runs whose time is over are looked at again

-- Expiry: the leases of a dead worker are queued again, and their hosts are pushed back.

local function requeue_expired(key, token, lease)
  local hid, job = lease.hid, lease.kind ~= 'r' and job_of(lease.run)
  local host = host_in_flight(place_of(lease))
  if lease.at then host_in_flight(hid) end
  if job then expect_queue(job, lease) end
  call('HDEL', key, token)
  totals.add('expired', 1)
  if lease.kind == 'r' then
    leave_robots(lease, host, token, 0)
  else
    end_flight(hid, host, token, 0)
    if job then
      lease_counts(job, lease, -1)
      local m = lease.member
      local expiries = math.min(string.byte(m, 12) + (lease.kind == 'u' and 1 or 0), 255)
      local verdict = string.sub(m, 10, 10)
      if expiries >= max_deliveries then verdict = 'P' end
      m = string.sub(m, 1, 9) .. verdict .. string.sub(m, 11, 11) .. string.char(expiries) .. string.sub(m, 13)
      if job.state == 'cancelling' then
        cancel_member(job, m)
      else
        enqueue(job, hid, m, lease.score >= DELAYED and DELAYED + now or lease.score)
      end
    end
  end
  schedule(hid)
end

local broken = 0 -- what cannot be read is left where it is, and there is nothing to do about it at once

local function reap()
  local budget = STEP
  for _, other in ipairs(call('ZRANGEBYSCORE', P .. 'workers', '-inf', str(passed), 'LIMIT', 0, 8)) do
    local key = P .. 'worker:' .. other
    local taking = P .. 'taking:' .. other
    expect('list', P .. 'unclaimed')
    while budget > 0 and call('LLEN', taking) > 0 do
      call('LMOVE', taking, P .. 'unclaimed', 'LEFT', 'RIGHT')
      budget = budget - 1
    end
    for _, token in ipairs(call('HKEYS', key)) do
      if budget == 0 then return end
      if not pcall(function() requeue_expired(key, token, take_lease(other, token)) end) then broken = broken + 1 end
      budget = budget - 1
    end
    if call('LLEN', taking) == 0 and call('EXISTS', key) == 0 then
      call('DEL', key .. ':calls')
      call('ZREM', P .. 'workers', other)
    end
  end
end

-- Chores in bounded steps: queues of cancelled runs are dropped, those of resumed runs come back.

local function drop_queue(job, hid)
  local key = P .. 'q:' .. hid .. ':' .. job.run
  host_in_flight(hid)
  expect('zset', P .. 'host:' .. hid .. ':jobs')
  local entries = call('ZRANGE', key, 0, DROP - 1, 'WITHSCORES')
  for i = 1, #entries, 2 do seen_state(job, string.sub(entries[i], 1, 8)) end
  for i = 1, #entries, 2 do
    call('ZREM', key, entries[i])
    count(job, tonumber(entries[i + 1]) >= DELAYED and 'delayed' or 'queued', -1)
    cancel_member(job, entries[i])
  end
  if not has_queue(hid, job) then
    detach(hid, job.run)
    schedule(hid)
  elseif #entries == 0 then
    ask_refill(hid, job.run, '-inf', '+inf')
  end
end

local function bring_back(job, source, hid)
  local place = queue_place(hid, job)
  call('SREM', source, hid)
  if not has_queue(hid, job) then return end
  attach(place, job)
  schedule(hid)
end

local function chores()
  local run = call('SRANDMEMBER', P .. 'chores')
  if not run then return end
  local job = job_of(run)
  local source = P .. 'job:' .. run .. (job and job.state == 'running' and ':parked' or ':hosts')
  local hid = job and call('SRANDMEMBER', source)
  if not hid then
    call('SREM', P .. 'chores', run)
  elseif job.state == 'cancelling' then
    drop_queue(job, hid)
  elseif job.state == 'running' then
    for _, parked in ipairs(call('SRANDMEMBER', source, STEP)) do bring_back(job, source, parked) end
  else
    call('SREM', P .. 'chores', run)
  end
end

-- Moves hosts of runs whose time is over to the front, so that their queued URLs end.
local function end_overdue()
  expect('zset', P .. 'deadlines')
  expect('zset', P .. 'hosts')
  for _, run in ipairs(call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', str(now), 'LIMIT', 0, 8)) do
    local job = job_of(run)
    if not job or job.state ~= 'running' and job.state ~= 'paused' then
      call('ZREM', P .. 'deadlines', run)
    else
      call('ZADD', P .. 'deadlines', str(now + AGAIN), run)
      local hosts = job.state == 'running' and call('SRANDMEMBER', P .. 'job:' .. run .. ':hosts', STEP) or {}
      for _, hid in ipairs(hosts) do
        if call('ZSCORE', P .. 'host:' .. hid .. ':jobs', run) then call('ZADD', P .. 'hosts', 'LT', str(now), hid) end
      end
    end
  end
end

-- Removes the keys of finished runs after their retention.

local function remove_run(run)
  local job = job_of(run)
  if job then
    call('RPUSH', P .. 'garbage', run .. ' ' .. str(buckets_of(job)))
    if call('HGET', P .. 'jobs', job.name) == run then
      call('HDEL', P .. 'jobs', job.name)
      unlist_run(job, 'recent')
    end
    totals.note_state(job.state, nil)
    jobs[run] = nil
  end
  call('DEL', P .. 'job:' .. run, P .. 'job:' .. run .. ':hosts', P .. 'job:' .. run .. ':parked')
  call('ZREM', P .. 'finished', run)
end

local function remove_buckets()
  local entry = call('LPOP', P .. 'garbage')
  local run, left = string.match(entry or '', '^(%d+) (%d+)$')
  if not run then return end
  left = tonumber(left)
  for i = left - 1, math.max(left - STEP, 0), -1 do call('UNLINK', seen_key(run, i)) end
  if left > STEP then call('RPUSH', P .. 'garbage', run .. ' ' .. str(left - STEP)) end
end

local function collect_garbage()
  expect('list', P .. 'garbage')
  expect('hash', P .. 'jobs')
  expect('zset', P .. 'breakers')
  call('ZREMRANGEBYSCORE', P .. 'breakers', '-inf', str(now))
  local run = call('ZRANGEBYSCORE', P .. 'finished', '-inf', str(now), 'LIMIT', 0, 1)[1]
  if run then remove_run(run) end
  remove_buckets()
end

-- Adds runs with queued URLs to the set `queued`, which an earlier version did not keep.
local function look_after_queued()
  local run = call('ZRANDMEMBER', P .. 'open', 1, 'WITHSCORES')[2]
  local job = run and job_of(run)
  if job and job.queued + job.delayed > 0 then call('SADD', P .. 'queued', run) end
end

-- Each part runs by itself: if one fails, the others still run.
for _, work in ipairs({reap, chores, end_overdue, collect_garbage, look_after_queued}) do
  if not pcall(work) then broken = broken + 1 end
end

-- Returns a random one of the jobs whose schedule is due: one that cannot be started must not hold up the others.
local function next_scheduled()
  local number = call('ZCOUNT', P .. 'schedules', '-inf', str(now))
  return number > 0 and call('ZRANGEBYSCORE', P .. 'schedules', '-inf', str(now), 'LIMIT', now % number, 1)[1]
end

flush_jobs()
totals.flush()
local readable, left, overfull_queue, scheduled = pcall(function()
  return call('ZCOUNT', P .. 'workers', '-inf', str(passed)) + call('SCARD', P .. 'chores')
    + call('ZCOUNT', P .. 'finished', '-inf', str(now)) + call('LLEN', P .. 'garbage') + call('SCARD', P .. 'overfull'),
    call('SRANDMEMBER', P .. 'overfull'), next_scheduled()
end)
return {readable and left > 0 and broken == 0 and 1 or 0, refills, readable and overfull_queue or '', readable and scheduled or '', str(now)}
