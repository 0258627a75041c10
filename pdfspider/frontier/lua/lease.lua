-- Grants a worker leases on URLs whose host gate is open, or opens within the look-ahead.
--
-- ARGV[2] msgpack: {worker, nonce, call id, wanted, held, lease ms, look-ahead ms, watched run, alone, longest back-off
--                    ms, first delay ms, patience ms, slots, unreached}
--   held    how many leases the worker has; alone  ms since the worker began as the only one that could hold leases (-1: it
--           is not the only one)
--   patience  ms within which a slow host must work off its queue (0: any time)
--   slots  how many leases the worker can work on at once; further leases are its buffer (0: it has none)
--   unreached  how many leases at unreached hosts the worker takes (-1: any number)
--   first delay  of a host whose latency is not known yet (-1: delays do not adapt)
-- Answer: {epoch, ms until a call may be granted something (-1: unknown), drain, state of the watched run, stands, refills, lease, …}
--   stands  0: the worker's leases have been given up, or are about to be; it gets none before it has dropped them
--   refills compressed blocks to be restored: see shared/overflow.lua
--   lease   {token, run, kind (u|r|v), start in ms, report, deliveries, expiries, fp or origin, payload, verdict, resting,
--            unreached}
--           payload  of r: the reach of the URL for which it is fetched
--           report: the worker must report the request start at once; else the end of the lease reports it
--           resting: the last answer of the host was 429 or 503, and its back-off still grows
--           unreached: no lease of the host has ended yet, or it was down at the last request
--           u: fetch the URL; r: fetch the origin's robots.txt; v: record the verdict without a fetch

local request = cmsgpack.unpack(ARGV[2])
local worker, nonce, call_id, wanted, held, lease_ms, ahead, watched, alone, longest_rest, first_delay, patience, slots,
  unreached = unpack(request, 1, 14)
patience, slots, unreached = patience or 0, slots or 0, unreached or -1
if not (is_worker(worker) and type(nonce) == 'string' and type(call_id) == 'string' and type(watched) == 'string'
  and is_number(wanted, -2 ^ 50, 2 ^ 20) and is_number(held, 0, 2 ^ 50) and is_number(lease_ms, 0, 2 ^ 50)
  and is_number(ahead, 0, 2 ^ 50) and is_number(alone, -1, 2 ^ 52) and is_number(longest_rest, 0, 2 ^ 50)
  and is_number(first_delay, -1, 2 ^ 50) and is_number(patience, 0, 2 ^ 52)
  and is_number(slots, 0, 2 ^ 20) and is_number(unreached, -1, 2 ^ 20)) then error('a malformed lease', 0) end
if unreached < 0 then unreached = 2 ^ 53 end
local calls_key, leases_key = P .. 'worker:' .. worker .. ':calls', P .. 'worker:' .. worker
local SCAN, TURNS = 256, 16
local WAITED, RUNS = 500, 8 -- ms after which a host has waited for others; runs that are given turns by a call
local REFILLED = 50 -- ms after which a queue that waits for a block is looked at again
local LATER = 60000 -- ms until a host is looked at again of which something cannot be read

-- Granting.

local granted, fresh = {}, {}
local last_token = math.max(now_us, int(call('HGET', P .. 'meta', 'token')))

local function grant(lease, start_in, report, verdict, resting, new)
  last_token = last_token + 1
  local token = str(last_token) .. '-' .. nonce
  lease.epoch = epoch
  fresh[#fresh + 1], fresh[#fresh + 2] = token, cmsgpack.pack(lease)
  local m = lease.member or ''
  granted[#granted + 1] = {token, lease.run, lease.kind, start_in, report and 1 or 0, string.byte(m, 11) or 0,
    string.byte(m, 12) or 0, lease.origin or string.sub(m, 1, 8), lease.reach or string.sub(m, HEADER + 1), verdict or '',
    resting and 1 or 0, new and 1 or 0}
  return token
end

-- A host begins with the first delay. When delays no longer adapt, it goes back to the configured one.
local function adapt(hid, host)
  if first_delay < 0 and host.auto > 0 then
    call('HDEL', P .. 'host:' .. hid, 'auto')
    host.auto = 0
  elseif first_delay >= 0 and host.auto == 0 then
    host.auto = math.max(first_delay, 1)
    call('HSET', P .. 'host:' .. hid, 'auto', str(host.auto))
  end
  host.pause = math.max(host.delay, host.crawl, host.auto)
end

-- host: as host_in_flight gives it
local function start_at(hid, host, lease)
  local planned = math.max(now, due_at(host))
  adapt(hid, host)
  if host.in_flight == 0 then lease.planned, lease.before = planned, host.last end
  -- After seven busy answers in a row without a success each of them is a try of its URL.
  local trouble = host.trouble
  local resting = trouble.fails > 0 and trouble.fails < 7 and trouble.rest > 0 and trouble.rest < longest_rest
  local new = is_unreached(host, host.in_flight)
  if new then unreached = unreached - 1 end
  local token = grant(lease, planned - now, host.pause > 0 and host.cap > 1, '', resting, new)
  call('SADD', P .. 'host:' .. hid .. ':flight', token)
  host.in_flight, host.turn = host.in_flight + 1, host.turn + 1
  plan_start(hid, host, token, planned)
  return token
end

-- Returns the reach of a member's URL from the flags of its payload (see frontier/entries.py).
local function reach_of(flags) return str(math.floor(flags / 16)) end

-- Returns the origin and the reach of a member's URL if its robots.txt has to be fetched first. A robots.txt that the
-- URL may not reach is recorded for URLs of the same reach only.
local function unknown_robots(job, host, member)
  if job.robots == 0 then return nil end
  local payload = cmsgpack.unpack(string.sub(member, HEADER + 1))
  local origin, reach = string.sub(payload[1], 1, payload[4]), reach_of(payload[3])
  local key = robots_key(origin)
  for _, known in ipairs({key, key .. ':' .. reach}) do
    if knows_robots(known, host) then return nil, nil, known end
  end
  return origin, reach
end

local function lease_robots(hid, host, origin, reach)
  host.robots = start_at(hid, host, {kind = 'r', run = '0', hid = hid, origin = origin, reach = reach})
  call('HSET', P .. 'host:' .. hid, 'robots', host.robots)
end

-- Returns whether the job's time is over.
local function is_over(job) return job.deadline > 0 and now >= job.deadline end

-- Applies the budgets to a member. Returns nil (go on), 'wait', or the class in which the member ends and the cause: t,
-- the job's time is over; s, it is surplus (see surplus_of); nothing, the job has all its pages or documents.
local function budget(job, kind)
  if is_over(job) then return 'Bt' end
  if job.max_documents > 0 then
    if job['c:d'] >= job.max_documents then return 'B' end
    if job['c:d'] + job.leased >= job.max_documents then return 'wait' end
  end
  if job.max_pages > 0 and kind == 'p' then
    if job['c:p'] >= job.max_pages then return 'B' end
    if job['c:p'] + job.leased_pages >= job.max_pages then return 'wait' end
  end
  return nil
end

-- Returns the ms between requests that the host itself demands: by its robots.txt, or by a pause that is longer than the
-- patience, on average over the turns since then. The job's own delay does not count.
local function pace_of(job, host)
  local pace = host.crawl > job.delay and host.crawl or 0
  local total, first = string.match(host.held or '', '^(%d+) (%d+)$')
  if int(total) > patience then pace = math.max(pace, total / math.max(host.turn - first, 1)) end
  return pace
end

-- Returns how many members the run has at the host; of many blocks only some are counted.
local function length_of(job, hid, key)
  local length = call('ZCARD', key)
  if job.spilled == 0 then return length end
  local ids, members = call('ZRANGE', overflow_key(hid, job.run), 0, 63), 0
  for _, id in ipairs(ids) do members = members + string.match(id, '^%d+') end
  return length + members / math.max(#ids, 1) * call('ZCARD', overflow_key(hid, job.run))
end

-- Returns the last untried member of the queue and its score, if the host cannot work off its queue within the patience;
-- 'wait' if that member is in a block.
local function surplus_of(job, hid, host, key)
  if patience == 0 or host.crawl <= job.delay and not host.held then return nil end
  local pace = pace_of(job, host)
  if pace == 0 or (length_of(job, hid, key) - 1) * pace <= patience then return nil end
  local last = call('ZREVRANGEBYSCORE', key, '(' .. str(DELAYED), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if job.spilled > 0 and waits_for_block(job, hid, last[2] or '-inf', '+inf', true) then return 'wait' end
  return last[1], tonumber(last[2])
end

-- Returns whether this turn is for a page rather than a document: one turn in four of every run.
local function is_page_turn(turn) return turn * 0.6180339887498949 % 1 < 0.25 end

-- Returns the member whose turn it is and its score, or nil and the time at which there may be one. A host that failed is
-- probed with a URL that has not failed, if there is one.
local function head_of(job, hid, key, turn, probing)
  if job.delayed > 0 and not probing then
    local due = call('ZRANGEBYSCORE', key, str(DELAYED), str(DELAYED + now), 'WITHSCORES', 'LIMIT', 0, 1)
    if due[1] then return due[1], tonumber(due[2]) end
  end
  local head = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if job.spilled > 0 and waits_for_block(job, hid, '-inf', '(' .. (head[2] or '+inf')) then return nil, now + REFILLED end
  if not head[1] then return nil, 0 end
  local score = tonumber(head[2])
  if score >= DELAYED then
    if score <= DELAYED + now or is_over(job) then return head[1], score end
    return nil, score - DELAYED
  end
  if score < PAGES and is_page_turn(turn) and budget(job, 'p') ~= 'wait' then
    local page = call('ZRANGEBYSCORE', key, str(PAGES), '(' .. str(DELAYED), 'WITHSCORES', 'LIMIT', 0, 1)
    if job.spilled > 0 and waits_for_block(job, hid, str(PAGES), '(' .. (page[2] or '+inf')) then return nil, now + REFILLED end
    if page[1] then return page[1], tonumber(page[2]) end
  end
  return head[1], score
end

-- Takes the run out of the host's turns.
local function leave_host(hid, host, run)
  local others = detach(hid, run)
  host.idle, host.changed = others == 0, others > 0
end

local function remove(job, hid, host, key, member, score)
  call('ZREM', key, member)
  count(job, score >= DELAYED and 'delayed' or 'queued', -1)
  prefetch(job, hid, key, score)
  if not has_queue(hid, job) then leave_host(hid, host, job.run) end
end

local function take(job, hid, host, key, member, score)
  remove(job, hid, host, key, member, score)
  local lease = {kind = 'u', run = job.run, hid = hid, member = member, score = score}
  lease_counts(job, lease, 1)
  return lease
end

local function set_apart(job, hid, host, key, member, score)
  remove(job, hid, host, key, member, score)
  count(job, 'queued', 1)
  call('ZADD', P .. 'solo', str(now), cmsgpack.pack({job.run, hid, member, str(score)}))
end

-- Grants at most one lease of one run at the host. Returns true, or the time of the next attempt (nil: never).
-- alone: no other run takes turns there.
local function try_run(hid, host, run, alone)
  local turns, key = P .. 'host:' .. hid .. ':jobs', P .. 'q:' .. hid .. ':' .. run
  local job = job_of(run)
  if not job or job.state == 'cancelling' then
    host.changed = true
    call('ZREM', turns, run)
    return nil
  end
  if job.state == 'paused' then
    expect('set', P .. 'job:' .. run .. ':parked')
    host.changed = true
    call('ZREM', turns, run)
    call('SADD', P .. 'job:' .. run .. ':parked', hid)
    return nil
  end
  if job.delay > host.delay or job.cap < host.allowed then
    tighten(hid, host, job)
    return now
  end
  expect('set', P .. 'job:' .. run .. ':hosts')
  if job.spilled > 0 then expect('zset', overflow_key(hid, run)) end
  local member, score = head_of(job, hid, key, host.turn, host.trouble.opened > 0)
  local origin, reach, known
  if member and string.sub(member, 10, 10) == '-' then origin, reach, known = unknown_robots(job, host, member) end
  if not alone then call('ZADD', turns, host.turn + 1, run) end
  if not member then
    if score == 0 then leave_host(hid, host, run) end
    return score > 0 and score or nil
  end
  local verdict = string.sub(member, 10, 10)
  if verdict == '-' then verdict = host.trouble.down > now and 'H' or budget(job, string.sub(member, 9, 9)) end
  if not verdict then
    local last, its_score = surplus_of(job, hid, host, key)
    if last == 'wait' then return now + REFILLED end
    if last then member, score, verdict = last, its_score, 'Bs' end
  end
  if verdict == 'wait' then return now + 200 end
  if verdict then
    local lease = take(job, hid, host, key, member, score)
    lease.kind = 'v'
    grant(lease, 0, false, verdict)
    return true
  end
  if origin then
    lease_robots(hid, host, origin, reach)
  elseif string.byte(member, 12) >= ALONE_AFTER then
    set_apart(job, hid, host, key, member, score)
    return now
  else
    start_at(hid, host, take(job, hid, host, key, member, score))
    if known then use_robots(known) end
  end
  return true
end

-- Ends a member of a run whose time is over, at a host whose gate is closed; one member for each call.
local function end_overdue(hid, host)
  for _, run in ipairs(call('ZRANGE', P .. 'host:' .. hid .. ':jobs', 0, TURNS - 1)) do
    local job = job_of(run)
    if job and job.state == 'running' and is_over(job) and try_run(hid, host, run) == true then
      return call('ZADD', P .. 'hosts', str(now), hid)
    end
  end
  schedule(hid, nil, true)
end

-- Returns whether the worker must leave the run's URLs to others. Workers share a run that cannot fill all their
-- buffers, so none buffers what another could work on at once.
local sated, workers = false, nil
local function leaves_it_to_others(runs)
  if slots == 0 or held + #granted < slots then return false end
  workers = workers or call('ZCOUNT', P .. 'workers', str(passed + 1), '+inf')
  if workers < 2 or #runs == 0 then return false end
  for _, run in ipairs(runs) do
    local job = job_of(run)
    if job and job.queued + job.leased > 2 * slots * workers then return false end
  end
  return true
end

local function wait_again(hid, host, at)
  if host.idle or host.changed then schedule(hid, at, true) else note_due(hid, host, at) end
end

local function try_host(hid)
  local host = host_in_flight(hid)
  if not is_open(hid, host, host.in_flight) or due_at(host) > now + ahead
    or unreached <= 0 and is_unreached(host, host.in_flight) then return end_overdue(hid, host) end
  local again
  local runs = call('ZRANGE', P .. 'host:' .. hid .. ':jobs', 0, TURNS - 1)
  sated = leaves_it_to_others(runs)
  if sated then return end
  for _, run in ipairs(runs) do
    local result = try_run(hid, host, run, #runs == 1)
    if result == true then return wait_again(hid, host) end
    if result then again = math.min(again or result, result) end
  end
  if #runs == TURNS then
    call('HINCRBY', P .. 'host:' .. hid, 'turn', 1)
    again = math.min(again or now, now + 200)
  end
  wait_again(hid, host, again)
end

-- Members that are to be leased alone.

local function put_back(packed, job, hid, member, score)
  call('ZREM', P .. 'solo', packed)
  if not job then return end
  count(job, 'queued', -1)
  if job.state == 'cancelling' then return cancel_member(job, member) end
  enqueue(job, hid, member, score)
  schedule(hid)
end

-- Returns the first whose host gate is open: packed, hid, host, lease. A member that waits for anything but its host
-- goes back to its queue.
local function next_solo()
  for _, packed in ipairs(call('ZRANGEBYSCORE', P .. 'solo', '-inf', str(now), 'LIMIT', 0, 8)) do
    local run, hid, member, score = unpack(cmsgpack.unpack(packed), 1, 4)
    score = tonumber(score)
    local job, host = job_of(run), host_in_flight(hid)
    if job then expect_queue(job, {hid = hid, member = member}) end
    if not job or job.state ~= 'running' or host.trouble.down > now or budget(job, string.sub(member, 9, 9))
      or unknown_robots(job, host, member) then
      put_back(packed, job, hid, member, score)
    elseif is_open(hid, host) and due_at(host) <= now + ahead then
      return packed, hid, host, {kind = 'u', run = run, hid = hid, member = member, score = score}
    else
      call('ZADD', P .. 'solo', str(now + 1000), packed)
    end
  end
end

local function lease_solo(packed, hid, host, lease)
  call('ZREM', P .. 'solo', packed)
  local job = job_of(lease.run)
  count(job, 'queued', -1)
  lease_counts(job, lease, 1)
  call('HSET', calls_key, 'solo', start_at(hid, host, lease))
  schedule(hid)
end

-- If a member waits to be leased alone, one worker at a time is asked to finish its leases.
local function is_asked_to_drain()
  local who, until_ = string.match(call('HGET', P .. 'meta', 'drain') or '', '^(%S+) (%d+)$')
  if who and who ~= worker and tonumber(until_) > now then return false end
  call('HSET', P .. 'meta', 'drain', worker .. ' ' .. str(now + 2 * lease_ms))
  return true
end

-- Returns whether the worker gets no further leases.
local function keeps_apart()
  local alone_with = call('HGET', calls_key, 'solo')
  if alone_with and call('HEXISTS', leases_key, alone_with) == 1 then return true end
  local packed, hid, host, lease = next_solo()
  if not packed then return false end
  if held > 0 then return is_asked_to_drain() end
  if wanted > 0 then lease_solo(packed, hid, host, lease) end
  return true
end

local function try_safely(hid)
  if not pcall(try_host, hid) then call('ZADD', P .. 'hosts', str(now + LATER), hid) end
end

-- Returns the hosts whose gate is open in the order of their starts, and as many unreached ones as the worker takes.
local none_unreached = false
local function due_hosts()
  local most = wanted + 16
  local new = unreached > 0 and not none_unreached and call('ZRANGEBYSCORE', P .. 'hosts', str(UNREACHED), str(UNREACHED + now + ahead),
    'WITHSCORES', 'LIMIT', 0, math.min(unreached, most)) or {}
  none_unreached = not new[1]
  if none_unreached then return call('ZRANGEBYSCORE', P .. 'hosts', '-inf', str(now + ahead), 'LIMIT', 0, most) end
  local known = call('ZRANGEBYSCORE', P .. 'hosts', '-inf', str(now + ahead), 'WITHSCORES', 'LIMIT', 0, most)
  local merged, i, j = {}, 1, 1
  while #merged < most and (new[i] or known[j]) do
    if new[i] and (not known[j] or new[i + 1] - UNREACHED < tonumber(known[j + 1])) then merged[#merged + 1], i = new[i], i + 2
    else merged[#merged + 1], j = known[j], j + 2 end
  end
  return merged
end

local function grant_in_order()
  local scanned, before = 0, -1
  while #granted < wanted and #granted > before and scanned < SCAN do
    before = #granted
    for _, hid in ipairs(due_hosts()) do
      if #granted >= wanted or scanned >= SCAN or sated then break end
      scanned = scanned + 1
      try_safely(hid)
    end
    flush_starts()
  end
end

-- Fairness between runs. Hosts are taken in the order of their starts, so a run with very many hosts would keep others
-- waiting. If hosts have waited for long, some runs that have less than their share of all leases come first.

local function has_waited(from)
  return call('ZRANGEBYSCORE', P .. 'hosts', str(from), str(from + now - WAITED), 'LIMIT', 0, 1)[1]
end

-- Returns some runs with less than their share, those with the fewest leases first.
local function runs_below_share(number)
  workers = workers or call('ZCOUNT', P .. 'workers', str(passed + 1), '+inf')
  local share = slots > 0 and math.max(2 * slots * workers / number, 1) or 2 ^ 53
  local below, leased = {}, {}
  for i, run in ipairs(call('SRANDMEMBER', P .. 'queued', RUNS)) do
    local readable, job = pcall(job_of, run)
    if readable and (not job or job.queued + job.delayed <= 0) then call('SREM', P .. 'queued', run)
    elseif readable and job.state == 'running' and job.leased < share then
      below[#below + 1], leased[run] = run, job.leased + (i + now) % RUNS / RUNS
    end
  end
  table.sort(below, function(a, b) return leased[a] < leased[b] end)
  return below
end

-- Tries random hosts of the run until it has got so many leases.
local function grant_to_run(run, most)
  local hids = call('SRANDMEMBER', P .. 'job:' .. run .. ':hosts', most + 4)
  if not hids[1] then return end
  local starts, before = call('ZMSCORE', P .. 'hosts', unpack(hids)), #granted
  for i, hid in ipairs(hids) do
    if #granted >= math.min(before + most, wanted) or sated then return end
    local start = tonumber(starts[i] or 2 ^ 53)
    if start <= now + ahead or unreached > 0 and start - UNREACHED <= now + ahead then try_safely(hid) end
  end
end

local function grant_shares()
  local number = call('SCARD', P .. 'queued')
  if number < 2 or wanted == 0 or not (has_waited(0) or has_waited(UNREACHED)) then return end
  local runs = runs_below_share(number)
  for _, run in ipairs(runs) do grant_to_run(run, math.min(math.ceil(wanted / #runs), 64)) end
  flush_starts()
  sated = false
end

local function first_unreached()
  local first = call('ZRANGEBYSCORE', P .. 'hosts', str(UNREACHED), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  return first and first - UNREACHED
end

-- Returns the ms until the next call can be granted something; -1 if only the end of a lease or a submit can change that.
local function time_to_wait(drain, stands)
  if drain or not stands or wanted == 0 or sated then return -1 end
  local head = tonumber(call('ZRANGE', P .. 'hosts', 0, 0, 'WITHSCORES')[2] or UNREACHED)
  if head > now + ahead and unreached > 0 then head = math.min(head, first_unreached() or head) end
  if head >= UNREACHED then return -1 end
  return math.max(head - ahead - now, int(call('HGET', P .. 'meta', 'hold')) - now, 0)
end

local function answer(drain, leases, stands)
  local state = watched ~= '' and (call('HGET', P .. 'job:' .. watched, 'state') or 'gone') or ''
  local reply = {epoch, time_to_wait(drain, stands), drain and 1 or 0, state, stands and 1 or 0, refills}
  for _, lease in ipairs(leases) do reply[#reply + 1] = lease end
  return reply
end

expect('hash', leases_key)
expect('zset', P .. 'hosts')
if watched ~= '' then expect('hash', P .. 'job:' .. watched) end
local known_call, known_leases = unpack(call('HMGET', calls_key, 'lease', 'leases'))

-- A worker whose deadline is before this time is dead; nobody waits for its leases.
if alone >= 0 then
  call('HDEL', P .. 'meta', 'hold')
  for _, other in ipairs(call('ZRANGEBYSCORE', P .. 'workers', '-inf', str(now - alone + lease_ms), 'LIMIT', 0, 999)) do
    call('ZADD', P .. 'workers', 0, other)
  end
end

-- A deadline that has passed is not moved: the call that finds it gives the leases to others.
local deadline = tonumber(call('ZSCORE', P .. 'workers', worker) or -1)
if deadline <= passed and (held > 0 or deadline >= 0 and call('EXISTS', leases_key) == 1) then
  return answer(false, {}, false)
end
call('ZADD', P .. 'workers', str(now + lease_ms), worker)
if lease_ms > lease_period then call('HSET', P .. 'meta', 'lease', str(lease_ms)) end

-- A call that is sent again gets the leases of the first time, if they are still valid.
if known_call == call_id and known_leases then
  local standing = {}
  for _, lease in ipairs(cmsgpack.unpack(known_leases)) do
    if call('HEXISTS', leases_key, lease[1]) == 1 then standing[#standing + 1] = lease end
  end
  return answer(false, standing, true)
end

local drain = false
if now >= int(call('HGET', P .. 'meta', 'hold')) then
  local done, apart = pcall(keeps_apart)
  drain = done and apart
  if not drain then
    pcall(grant_shares)
    grant_in_order()
  end
end
flush_jobs()
totals.flush()
if #granted > 0 then
  call_with('HSET', leases_key, fresh)
  call('HSET', P .. 'meta', 'token', str(last_token))
  call('HSET', calls_key, 'lease', call_id, 'leases', cmsgpack.pack(granted))
  call('PEXPIRE', calls_key, lease_ms * 20)
end
return answer(drain, granted, true)
