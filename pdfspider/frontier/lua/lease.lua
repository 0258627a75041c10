-- Grants a worker leases on URLs whose host gate is open, or opens within the look-ahead.
--
-- ARGV[2] msgpack: {worker, nonce, call id, wanted, held, lease ms, look-ahead ms, watched run, alone}
--   held    leases that the worker has; alone  nobody else can hold a lease (no hold after a restart)
-- Answer: {epoch, ms until the next host may start (-1: none), drain, state of the watched run, lease, …}
--   lease   {token, run, kind (u|r|v), start in ms, report, deliveries, expiries, fp or origin, payload, verdict}
--           report: tell the frontier at once when the fetch has started; else the end of the lease tells it
--           u: fetch the URL; r: fetch the origin's robots.txt; v: record the verdict without a fetch

local worker, nonce, call_id, wanted, held, lease_ms, ahead, watched, alone =
  unpack(cmsgpack.unpack(ARGV[2]))
local calls_key, leases_key = P .. 'worker:' .. worker .. ':calls', P .. 'worker:' .. worker
local SCAN = 256

-- A restart, a failover or a clock that jumped: whatever may have been forgotten is waited out.

local function watch_for_boot()
  local run_id = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local meta = call('HMGET', P .. 'meta', 'run_id', 'time')
  local known, time = meta[1], int(meta[2])
  local workers = call('ZCARD', P .. 'workers')
  local jumped = workers > 0 and (now - time > 5000 or time - now > 5000)
  if known and (known ~= run_id or jumped) then
    call('HINCRBY', P .. 'meta', 'epoch', 1)
    call('HSET', P .. 'meta', 'boot', str(now))
    boot = now
    if known ~= run_id and workers > 0 and not alone then call('HSET', P .. 'meta', 'hold', str(now + lease_ms)) end
    for _, other in ipairs(call('ZRANGE', P .. 'workers', 0, 999)) do
      call('ZADD', P .. 'workers', str(alone and other ~= worker and 0 or now + lease_ms), other)
    end
  end
  if not known then call('HSETNX', P .. 'meta', 'epoch', str(now)) end
  call('HSET', P .. 'meta', 'run_id', run_id, 'time', str(now))
end

-- Granting.

local granted = {}
local last_token = math.max(now_us, int(call('HGET', P .. 'meta', 'token')))

local function grant(lease, start_in, report, verdict)
  last_token = last_token + 1
  local token = str(last_token) .. '-' .. nonce
  call('HSET', leases_key, token, cmsgpack.pack(lease))
  local m = lease.member or ''
  granted[#granted + 1] = {token, lease.run, lease.kind, start_in, report and 1 or 0, string.byte(m, 11) or 0,
    string.byte(m, 12) or 0, lease.origin or string.sub(m, 1, 8), string.sub(m, HEADER + 1), verdict or ''}
  return token
end

local function start_at(hid, host, lease)
  local planned = math.max(now, due_at(host))
  local token = grant(lease, planned - now, host.pause > 0 and host.cap > 1)
  call('SADD', P .. 'host:' .. hid .. ':flight', token)
  plan_start(hid, host, token, planned)
  host.turn = call('HINCRBY', P .. 'host:' .. hid, 'turn', 1)
  return token
end

-- The origin of a member's URL where its robots.txt has to be fetched first.
local function unknown_robots(job, member)
  if job.robots == 0 then return nil end
  local url = cmsgpack.unpack(string.sub(member, HEADER + 1))[1]
  local origin = string.match(url, '^%a+://[^/?#]+')
  if call('EXISTS', P .. 'robots:' .. redis.sha1hex(origin)) == 1 then return nil end
  return origin
end

local function lease_robots(hid, host, origin)
  local token = start_at(hid, host, {kind = 'r', run = '0', hid = hid, origin = origin})
  call('HSET', P .. 'host:' .. hid, 'robots', token)
end

-- What a budget says of a member: nil (go on), 'wait', or the verdict in which it ends.
local function budget(job, kind)
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

-- The member of the queue whose turn it is and its score; or nil and the time at which there may be one.
local function head_of(job, key, turn)
  if job.delayed > 0 then
    local due = call('ZRANGEBYSCORE', key, str(DELAYED), str(DELAYED + now), 'WITHSCORES', 'LIMIT', 0, 1)
    if due[1] then return due[1], tonumber(due[2]) end
  end
  local head = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not head[1] then return nil, 0 end
  local score = tonumber(head[2])
  if score >= DELAYED then return nil, score - DELAYED end
  if score < PAGES and turn % 4 == 0 then
    local page = call('ZRANGEBYSCORE', key, str(PAGES), '(' .. str(DELAYED), 'WITHSCORES', 'LIMIT', 0, 1)
    if page[1] then return page[1], tonumber(page[2]) end
  end
  return head[1], score
end

local function take(job, hid, key, member, score)
  call('ZREM', key, member)
  count(job, score >= DELAYED and 'delayed' or 'queued', -1)
  local lease = {kind = 'u', run = job.run, hid = hid, member = member, score = score}
  lease_counts(job, lease, 1)
  if call('EXISTS', key) == 0 then detach(hid, job.run) end
  return lease
end

-- Grants at most one lease of one run at the host. Answers true, or the time at which to look again (nil: never).
local function try_run(hid, host, run)
  local turns, key = P .. 'host:' .. hid .. ':jobs', P .. 'q:' .. hid .. ':' .. run
  local job = job_of(run)
  if not job or job.state == 'cancelling' then
    call('ZREM', turns, run)
    return nil
  end
  if job.state == 'paused' then
    call('ZREM', turns, run)
    call('SADD', P .. 'job:' .. run .. ':parked', hid)
    return nil
  end
  call('ZADD', turns, str(host.turn + 1), run)
  local member, score = head_of(job, key, host.turn)
  if not member then
    if score == 0 then detach(hid, run) end
    return score > 0 and score or nil
  end
  local verdict = string.sub(member, 10, 10)
  if verdict == '-' then verdict = budget(job, string.sub(member, 9, 9)) end
  if verdict == 'wait' then return now + 200 end
  if verdict then
    local lease = take(job, hid, key, member, score)
    lease.kind = 'v'
    grant(lease, 0, false, verdict)
    return true
  end
  local origin = unknown_robots(job, member)
  if origin then lease_robots(hid, host, origin) else start_at(hid, host, take(job, hid, key, member, score)) end
  return true
end

local function try_host(hid)
  local host = host_of(hid)
  if not is_open(hid, host) or due_at(host) > now + ahead then
    schedule(hid, nil, true)
    return
  end
  local again
  for _, run in ipairs(call('ZRANGE', P .. 'host:' .. hid .. ':jobs', 0, 15)) do
    local result = try_run(hid, host, run)
    if result == true then
      again = nil
      break
    end
    if result then again = math.min(again or result, result) end
  end
  schedule(hid, again, true)
end

local function try_solo()
  local packed = call('ZRANGE', P .. 'solo', 0, 0)[1]
  if not packed then return end
  local run, hid, member = unpack(cmsgpack.unpack(packed))
  local job = job_of(run)
  local host = host_of(hid)
  if not job or job.state == 'cancelling' then
    call('ZREM', P .. 'solo', packed)
    if job then
      count(job, 'queued', -1)
      count(job, 'done', 1)
      count(job, 'c:x', 1)
    end
  elseif job.state == 'paused' or not is_open(hid, host) or due_at(host) > now + ahead
    or budget(job, string.sub(member, 9, 9)) then
    call('ZADD', P .. 'solo', str(now + 1000), packed)
  else
    call('ZREM', P .. 'solo', packed)
    count(job, 'queued', -1)
    local lease = {kind = 'u', run = run, hid = hid, member = member, score = PAGES}
    lease_counts(job, lease, 1)
    start_at(hid, host, lease)
    schedule(hid)
  end
end

-- One worker at a time is asked to finish what it holds when something waits to be leased alone.
local function drain_for_solo()
  if call('EXISTS', P .. 'solo') == 0 then return false end
  local who, until_ = string.match(call('HGET', P .. 'meta', 'drain') or '', '^(%S+) (%d+)$')
  if who and who ~= worker and tonumber(until_) > now then return false end
  call('HSET', P .. 'meta', 'drain', worker .. ' ' .. str(now + 2 * lease_ms))
  if held == 0 then try_solo() end
  return true
end

local function grant_all()
  if now < int(call('HGET', P .. 'meta', 'hold')) then return end
  local scanned, before = 0, -1
  while #granted < wanted and #granted > before and scanned < SCAN do
    before = #granted
    for _, hid in ipairs(call('ZRANGEBYSCORE', P .. 'hosts', '-inf', str(now + ahead), 'LIMIT', 0, wanted + 16)) do
      if #granted >= wanted or scanned >= SCAN then break end
      scanned = scanned + 1
      try_host(hid)
    end
  end
end

local function answer(drain, leases)
  local head = call('ZRANGE', P .. 'hosts', 0, 0, 'WITHSCORES')
  local wait = head[2] and math.max(tonumber(head[2]) - ahead - now, 0) or -1
  local state = watched ~= '' and (call('HGET', P .. 'job:' .. watched, 'state') or 'gone') or ''
  local reply = {int(call('HGET', P .. 'meta', 'epoch')), wait, drain and 1 or 0, state}
  for _, lease in ipairs(leases) do reply[#reply + 1] = lease end
  return reply
end

-- A call that is sent again gets the leases that it was granted the first time, as far as they still stand.
if call('HGET', calls_key, 'lease') == call_id then
  local standing = {}
  for _, lease in ipairs(cmsgpack.unpack(call('HGET', calls_key, 'leases'))) do
    if call('HEXISTS', leases_key, lease[1]) == 1 then standing[#standing + 1] = lease end
  end
  return answer(false, standing)
end

watch_for_boot()
call('ZADD', P .. 'workers', str(now + lease_ms), worker)
local drain = wanted > 0 and drain_for_solo()
if not drain then grant_all() end
flush_jobs()
if #granted > 0 then
  call('HSET', P .. 'meta', 'token', str(last_token))
  call('HSET', calls_key, 'lease', call_id, 'leases', cmsgpack.pack(granted))
  call('PEXPIRE', calls_key, lease_ms * 20)
end
return answer(drain, granted)
