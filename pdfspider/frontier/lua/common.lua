-- Put in front of every script: keys, time, the job cache, the seen buckets, hosts and queues.
--
-- Keys (all under the tag {pdfs}; hosts are 16 hex digits of a hash, jobs are the numbers of their runs):
--   meta                     HASH  run_id, time, shift, boot, hold, lease: the clock (see below); epoch: changes when
--                                  something may have been forgotten; token, run: the last ones given; drain: the
--                                  worker that is asked to finish what it holds; store, database: their ids
--   jobs                     HASH  job name -> its newest run
--   job:RUN                  HASH  options, state and counters; c:CODE counts an outcome class
--   job:RUN:hosts            SET   hosts at which the run has a queue
--   job:RUN:parked           SET   those of them that were taken out of the turns while the run is paused
--   seen:RUN:N               HASH  fingerprint -> state, one bucket of many (see seen_*)
--   q:HOST:RUN               ZSET  the queue of one run at one host (see queue scores)
--   host:HOST                HASH  the gate: last start (planned or reported) and the gap that was in force then; delay,
--                                  cap, crawl: what jobs and robots.txt ask for; fcap: the least cap of the leases that
--                                  are out; until: to be left alone; turn: how many leases it has given;
--                                  starting, robots: tokens of the starts that were not reported yet and of the
--                                  robots lease that is out; trouble: see hear; auto: the delay that its latency asks for
--   host:HOST:jobs           ZSET  runs with work at the host by their turn
--   host:HOST:flight         SET   tokens of the leases that may be fetching there
--   hosts                    ZSET  hosts with work and a free slot by the time (ms) of their next start
--   workers                  ZSET  workers by deadline (ms)
--   worker:W                 HASH  token -> lease record
--   worker:W:calls           HASH  the last answers, for a call that is sent again
--   taking:W                 LIST  start URLs that the worker has claimed and not yet submitted
--   solo                     ZSET  members that expired twice, by the time (ms) at which to look at them: leased to a
--                                  worker that holds nothing else
--   chores                   SET   runs with queues to drop or to bring back, in bounded steps
--   breakers                 ZSET  hosts whose breaker is not closed, by the time (ms) at which they are forgotten
--   finished                 ZSET  finished runs by the time (ms) at which their keys go
--   garbage                  LIST  seen buckets to remove: RUN, number of buckets
--   robots:ORIGIN            HASH  a robots.txt: body or failure; expires
--   pages:RUN                HASH  host -> pages that the run has taken of it, while workers count them; expires
--   events                   STREAM one entry per finished run
--   tasks:RUN:TRANSPORT      HASH  the masters' messages that wait for the run's end: key -> what the answer needs
--   unanswered               SET   RUN:TRANSPORT of these
--   owed:TRANSPORT           STREAM one entry per run that has ended and is to be answered; gone when that is done
--
-- A queue member is fingerprint (8 bytes) .. kind (d|p) .. verdict (class code or -) .. deliveries .. expiries ..
-- payload. Queue scores: documents first, then pages, each by priority, depth, arrival; delayed members stand
-- behind them by the time at which they may go.

local P = '{pdfs}:'
local call = redis.call
local PAGES, DELAYED = 2^50, 2^52
local HEADER = 12
local ALONE_AFTER = 2 -- expiries after which a member is leased alone
local HOST_KEPT = 86400000 -- ms; robots rules are not kept longer, for the host holds their crawl delay

local function int(value) return tonumber(value) or 0 end
local function str(number) return string.format('%.0f', number) end

-- Time. It never goes back: where Redis's clock does, the frontier's goes on from where it was (shift). After a restart,
-- a failover or a jump of the clock, what may have been forgotten is waited out: no host is asked before its gap has
-- passed since then (boot), no worker is given up for one lease period, and after a restart no lease is granted (hold).

local JUMP = 5000

local function redis_time()
  local t = call('TIME')
  return t[1] * 1000000 + t[2]
end

local function note_boot(restarted, at)
  call('HSET', P .. 'meta', 'boot', str(at))
  if not restarted then return end
  call('HINCRBY', P .. 'meta', 'epoch', 1)
  if call('EXISTS', P .. 'workers') == 1 then
    call('HSET', P .. 'meta', 'hold', str(at + int(call('HGET', P .. 'meta', 'lease'))))
  end
end

local function read_clock()
  local run_id = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local known, time, shift = unpack(call('HMGET', P .. 'meta', 'run_id', 'time', 'shift'))
  local us = (tonumber(ARGV[1]) or redis_time()) + int(shift) * 1000
  local step = math.floor(us / 1000) - int(time)
  if known and step < -JUMP then
    us = us - step * 1000
    call('HINCRBY', P .. 'meta', 'shift', str(-step))
  end
  local ms = math.floor(us / 1000)
  if known ~= run_id or step < -JUMP or step >= 1000 then
    if not known then call('HSETNX', P .. 'meta', 'epoch', str(ms))
    elseif known ~= run_id or step < -JUMP or step > JUMP and call('EXISTS', P .. 'workers') == 1 then
      note_boot(known ~= run_id, ms)
    end
    call('HSET', P .. 'meta', 'run_id', run_id, 'time', str(ms))
  end
  return us, ms
end

local now_us, now = read_clock()
local boot, lease_period = int(call('HGET', P .. 'meta', 'boot')), int(call('HGET', P .. 'meta', 'lease'))

-- Worker deadlines up to this one have passed; 0 is that of a worker that has left.
local passed = now > boot + lease_period and now - 1 or 0

-- Jobs: read once per script, counters written back together by flush_jobs.

local JOB_FIELDS = {'state', 'sealed', 'queued', 'delayed', 'leased', 'leased_pages', 'max_pages', 'max_documents',
  'c:p', 'c:d', 'robots', 'delay', 'cap', 'level', 'split', 'seen', 'seq', 'name'}
local TEXT = {state = true, name = true}
local jobs = {}

local function job_of(run)
  local job = jobs[run]
  if job then return job end
  local values = call('HMGET', P .. 'job:' .. run, unpack(JOB_FIELDS))
  if not values[1] then return nil end
  job = {run = run, changed = {}}
  for i, field in ipairs(JOB_FIELDS) do
    job[field] = TEXT[field] and values[i] or int(values[i])
  end
  job.cap = math.max(job.cap, 1)
  jobs[run] = job
  return job
end

local function count(job, field, n)
  job[field] = (job[field] or 0) + n
  job.changed[field] = (job.changed[field] or 0) + n
end

local function is_empty(job) return job.queued + job.delayed + job.leased == 0 end

local function owe_answer(run, transport, name, state)
  call('XADD', P .. 'owed:' .. transport, '*', 'run', run, 'job', name, 'state', state)
end

local function finish(job, retention)
  local key = P .. 'job:' .. job.run
  job.state = job.state == 'cancelled' and 'cancelled' or 'finished'
  call('HSET', key, 'state', job.state, 'finished', str(now))
  call('ZADD', P .. 'finished', str(now + retention), job.run)
  call('XADD', P .. 'events', 'MAXLEN', '~', 10000, '*', 'event', job.state, 'job', job.name, 'run', job.run)
  for transport in string.gmatch(call('HGET', key, 'masters') or '', '%S+') do
    owe_answer(job.run, transport, job.name, job.state)
  end
end

local function flush_jobs()
  for run, job in pairs(jobs) do
    for field, n in pairs(job.changed) do
      if n ~= 0 then call('HINCRBY', P .. 'job:' .. run, field, str(n)) end
    end
    job.changed = {}
    local open = job.state == 'running' or job.state == 'paused'
    if is_empty(job) and (job.sealed == 1 and open or job.state == 'cancelling') then
      if job.state == 'cancelling' then job.state = 'cancelled' end
      finish(job, int(call('HGET', P .. 'job:' .. run, 'retention')))
    end
  end
end

-- Seen fingerprints: linear hashing over small hashes, so that no bucket ever outgrows the compact encoding
-- (512 entries) and no single call has more than a few buckets to split.

local BUCKET = 96

local function bucket_of(job, fp)
  local a, b, c = string.byte(fp, 1, 3)
  local h = a + b * 256 + c * 65536
  local i = h % 2 ^ job.level
  if i < job.split then i = h % 2 ^ (job.level + 1) end
  return i
end

local function seen_key(run, i) return P .. 'seen:' .. run .. ':' .. str(i) end

local function buckets_of(job) return 2 ^ job.level + job.split end

local function split_bucket(job)
  local low, high = job.split, job.split + 2 ^ job.level
  local from, to = seen_key(job.run, low), seen_key(job.run, high)
  job.split = job.split + 1
  local entries, moved, gone = call('HGETALL', from), {}, {}
  for i = 1, #entries, 2 do
    if bucket_of(job, entries[i]) == high then
      moved[#moved + 1] = entries[i]
      moved[#moved + 1] = entries[i + 1]
      gone[#gone + 1] = entries[i]
    end
  end
  if #gone > 0 then
    call('HSET', to, unpack(moved))
    call('HDEL', from, unpack(gone))
  end
  if job.split == 2 ^ job.level then job.level, job.split = job.level + 1, 0 end
end

local function seen_add(job, fp)
  if call('HSETNX', seen_key(job.run, bucket_of(job, fp)), fp, '.') == 0 then return false end
  count(job, 'seen', 1)
  if job.seen > BUCKET * buckets_of(job) and buckets_of(job) < 2 ^ 23 then split_bucket(job) end
  return true
end

local function store_buckets(job)
  call('HSET', P .. 'job:' .. job.run, 'level', str(job.level), 'split', str(job.split))
end

local function seen_state(job, fp) return call('HGET', seen_key(job.run, bucket_of(job, fp)), fp) end
local function set_seen_state(job, fp, code) call('HSET', seen_key(job.run, bucket_of(job, fp)), fp, code) end

-- Host gates.

local HOST_FIELDS = {'last', 'gap', 'delay', 'cap', 'fcap', 'crawl', 'until', 'turn', 'auto', 'robots', 'starting', 'trouble'}
local WELL = {fails = 0, rest = 0, opened = 0, since = 0, down = 0}

local function trouble_of(text)
  if not text then return WELL end
  local fails, rest, opened, since, down = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  return {fails = int(fails), rest = int(rest), opened = int(opened), since = int(since), down = int(down)}
end

local function host_of(hid)
  local values = call('HMGET', P .. 'host:' .. hid, unpack(HOST_FIELDS))
  local host = {}
  for i, field in ipairs(HOST_FIELDS) do host[field] = int(values[i]) end
  host.robots, host.starting, host.trouble = values[10], values[11], trouble_of(values[12])
  host.cap = math.max(host.cap, 1)
  host.allowed = host.cap
  if host.fcap > 0 then host.cap = math.min(host.cap, host.fcap) end
  if host.trouble.opened > 0 then host.cap = 1 end
  host.pause = math.max(host.delay, host.crawl, host.auto)
  return host
end

local function due_at(host)
  local last, gap = math.max(host.last, boot), math.max(host.gap, host.pause)
  return math.max(gap > 0 and last + gap or 0, host['until'])
end

-- Whether the host may be asked at all: one with a start that was not reported yet may be asked later than planned, and
-- then the next start would come too soon. A breaker that is not closed lets one through at a time.
local function is_open(hid, host)
  return not host.robots and not (host.starting and host.gap > 0)
    and call('SCARD', P .. 'host:' .. hid .. ':flight') < host.cap
end

-- Puts the host where lease finds it at its next start, or takes it out while it has no work or is not open.
-- A host that waits already is not moved back unless it was just looked at (again).
local function schedule(hid, at, again)
  if call('EXISTS', P .. 'host:' .. hid .. ':jobs') == 0 then
    call('ZREM', P .. 'hosts', hid)
    call('PEXPIRE', P .. 'host:' .. hid, HOST_KEPT)
    return
  end
  local host = host_of(hid)
  if not is_open(hid, host) then
    call('ZREM', P .. 'hosts', hid)
  else
    local score = str(math.max(at or 0, due_at(host), now))
    if again then call('ZADD', P .. 'hosts', score, hid) else call('ZADD', P .. 'hosts', 'LT', score, hid) end
  end
end

local function limits(hid)
  local runs = call('ZRANGE', P .. 'host:' .. hid .. ':jobs', 0, 63)
  local delay, cap
  for _, run in ipairs(runs) do
    local job = job_of(run)
    if job then
      delay = math.max(delay or 0, job.delay)
      cap = math.min(cap or job.cap, job.cap)
    end
  end
  if delay then call('HSET', P .. 'host:' .. hid, 'delay', str(delay), 'cap', str(cap)) end
end

local function tighten(hid, job)
  local host = host_of(hid)
  call('HSET', P .. 'host:' .. hid, 'delay', str(math.max(host.delay, job.delay)),
    'cap', str(math.min(host.allowed, job.cap)))
end

-- The run's queue at the host takes part in the turns, unless it was taken out of them.
local function attach(hid, job)
  local turns, hosts = P .. 'host:' .. hid .. ':jobs', P .. 'job:' .. job.run .. ':hosts'
  if job.state == 'paused' and call('SISMEMBER', P .. 'job:' .. job.run .. ':parked', hid) == 1 then
    call('SADD', hosts, hid)
    return
  end
  if call('ZADD', turns, 'NX', int(call('HGET', P .. 'host:' .. hid, 'turn')), job.run) == 0 then return end
  call('SADD', hosts, hid)
  call('PERSIST', P .. 'host:' .. hid)
  if call('ZCARD', turns) <= 64 then limits(hid) else tighten(hid, job) end
end

local function detach(hid, run)
  local turns = P .. 'host:' .. hid .. ':jobs'
  call('ZREM', turns, run)
  call('SREM', P .. 'job:' .. run .. ':hosts', hid)
  local others = call('ZCARD', turns)
  if others > 0 and others <= 64 then limits(hid) end
end

-- Queues.

local function rank(kind, priority, depth, seq)
  local base = kind == 'p' and PAGES or 0
  return base + (127 - priority) * 2 ^ 42 + math.min(depth, 255) * 2 ^ 34 + seq % 2 ^ 34
end

local function enqueue(job, hid, member, score)
  call('ZADD', P .. 'q:' .. hid .. ':' .. job.run, str(score), member)
  count(job, score >= DELAYED and 'delayed' or 'queued', 1)
  attach(hid, job)
end

-- Raises an error for links that make no sense; a script does so before it writes anything.
local function check_links(links)
  for _, link in ipairs(links) do
    local fp, hid, name, kind, priority, depth, payload = unpack(link, 1, 7)
    if not (type(fp) == 'string' and #fp == 8 and type(hid) == 'string' and #hid == 16 and type(name) == 'string'
      and (kind == 'd' or kind == 'p') and type(payload) == 'string' and type(depth) == 'number' and depth >= 0
      and type(priority) == 'number' and priority >= -128 and priority <= 127) then error('a malformed link') end
  end
end

-- Adds links {fp, host id, host name, kind, priority, depth, payload} to a run; returns how many were new.
local function add_links(job, links)
  local hosts, added, seq = {}, 0, job.seq
  for _, link in ipairs(links) do
    if seen_add(job, link[1]) then
      added = added + 1
      local hid = link[2]
      local member = link[1] .. link[4] .. '-\0\0' .. link[7]
      call('ZADD', P .. 'q:' .. hid .. ':' .. job.run, str(rank(link[4], link[5], link[6], seq + added)), member)
      hosts[hid] = link[3]
    end
  end
  if added > 0 then
    count(job, 'queued', added)
    count(job, 'seq', added)
    store_buckets(job)
    for hid, name in pairs(hosts) do
      call('HSET', P .. 'host:' .. hid, 'name', name)
      attach(hid, job)
      schedule(hid)
    end
  end
  return added
end

-- Leases.

local function without(tokens, token)
  local from, to = string.find(tokens or '', token, 1, true)
  if not from then return tokens end
  return string.sub(tokens, 1, from - 1) .. string.sub(tokens, to + 2)
end

-- A start is planned for the holder of a token. Every start that was not reported yet counts, each token once.
local function plan_start(hid, host, token, at)
  host.starting = token .. ' ' .. (without(host.starting, token) or '')
  call('HSET', P .. 'host:' .. hid, 'last', str(at), 'gap', str(host.pause), 'fcap', str(host.cap),
    'starting', host.starting)
end

-- Records when the planned start really was, ago in ms (negative: it never was).
local function note_start(hid, token, ago)
  local key = P .. 'host:' .. hid
  local last, starting = unpack(call('HMGET', key, 'last', 'starting'))
  if ago >= 0 then call('HSET', key, 'last', str(math.max(int(last), now - ago))) end
  local others = without(starting, token)
  if others == '' then call('HDEL', key, 'starting')
  elseif others ~= starting then call('HSET', key, 'starting', others) end
end

-- A planned start that never was gives its place back to the next. Only what was planned while nothing was in flight
-- does: the start before it is known exactly then.
local function give_place_back(lease)
  local key = P .. 'host:' .. lease.hid
  if lease.planned and int(call('HGET', key, 'last')) == lease.planned then
    call('HSET', key, 'last', str(lease.before))
  end
end

local function end_flight(hid, token, ago)
  local flight = P .. 'host:' .. hid .. ':flight'
  note_start(hid, token, ago)
  if call('SREM', flight, token) == 1 and call('EXISTS', flight) == 0 then
    call('HDEL', P .. 'host:' .. hid, 'fcap')
  end
end

-- What the end of a lease showed of its host.
--
--   sign    {shown, hold ms, latency ms (-1: unknown), whether the latency is that of a status 200}
--           shown  ok: the host answered; busy: it wants to be left alone; down: it failed; '': nothing
--   rules   {first back-off ms, longest, failures that open the breaker (0: it never opens), ms for which it opens first,
--           openings, target concurrency (0: delays do not adapt), longest adapted delay ms}
-- A host's trouble is five numbers: failures since the last success; the back-off (ms), which each busy answer doubles
-- and each success halves; how often the breaker has opened without a success in between; when the last back-off or
-- opening began; until when the host is given up. While the breaker is not closed one lease is out at a time. What was
-- leased before the last back-off or opening began says nothing new: a burst of failures counts once.

local LONGEST_OPENING = 3600000

local function check_sign(sign)
  if not (type(sign) == 'table' and type(sign[1]) == 'string' and type(sign[2]) == 'number'
    and type(sign[3]) == 'number' and type(sign[4]) == 'boolean') then error('a malformed sign') end
end

local function check_rules(rules)
  for i = 1, 7 do
    if type(rules[i]) ~= 'number' then error('malformed rules') end
  end
end

local function hold_host(hid, ms)
  if ms <= 0 then return end
  local key = P .. 'host:' .. hid
  call('HSET', key, 'until', str(math.max(int(call('HGET', key, 'until')), now + ms)))
end

local function set_trouble(hid, fails, rest, opened, since, down)
  local key = P .. 'host:' .. hid
  if fails + rest + opened == 0 then return call('HDEL', key, 'trouble') end
  call('HSET', key, 'trouble', string.format('%.0f %.0f %.0f %.0f %.0f', fails, rest, opened, since, down))
end

local function note_success(hid, trouble, rules)
  local rest = math.floor(trouble.rest / 2)
  set_trouble(hid, 0, rest >= rules[1] and rest or 0, 0, trouble.since, 0)
  if trouble.opened > 0 then call('ZREM', P .. 'breakers', hid) end
end

-- Holds the host until its breaker lets one through; after too many openings it is given up for that time instead.
-- Answers until when it is given up (0: it is not).
local function open_breaker(hid, opened, wait, rules)
  local over = now + math.max(wait, math.min(rules[4] * 2 ^ (opened - 1), LONGEST_OPENING))
  call('ZADD', P .. 'breakers', str(over + HOST_KEPT), hid)
  if opened <= rules[5] then
    hold_host(hid, over - now)
    return 0
  end
  return over
end

local function note_failure(hid, trouble, busy, hold, rules)
  local fails, rest, opened, since, down = trouble.fails + 1, trouble.rest, trouble.opened, trouble.since, 0
  if busy then
    rest, since = math.min(math.max(2 * rest, rules[1]), rules[2]), now
    hold = math.max(hold, rest)
  end
  if rules[3] > 0 and (opened > 0 or fails >= rules[3]) then
    opened, since = opened + 1, now
    down = open_breaker(hid, opened, hold, rules)
  else
    hold_host(hid, hold)
  end
  set_trouble(hid, fails, rest, opened, since, down)
end

-- The delay follows the latency as in Scrapy's AutoThrottle, whose rules these are.
local function adapt_delay(hid, latency, usual, rules)
  local key = P .. 'host:' .. hid
  local before, wanted = int(call('HGET', key, 'auto')), latency / rules[6]
  local after = math.max(1, math.ceil(math.min(math.max(wanted, (before + wanted) / 2), rules[7])))
  if before > 0 and (usual or after > before) then call('HSET', key, 'auto', str(after)) end
end

local function hear(hid, token, sign, rules)
  local shown, hold, latency, usual = unpack(sign, 1, 4)
  if rules[6] > 0 and latency >= 0 then adapt_delay(hid, latency, usual, rules) end
  if shown == '' then return hold_host(hid, hold) end
  local trouble = trouble_of(call('HGET', P .. 'host:' .. hid, 'trouble'))
  if shown == 'ok' and trouble == WELL then return hold_host(hid, hold) end
  if tonumber(string.match(token, '^%d+')) / 1000 < trouble.since then hold_host(hid, hold)
  elseif shown == 'ok' then note_success(hid, trouble, rules)
  else note_failure(hid, trouble, shown == 'busy', hold, rules) end
end

-- A host that was given up is asked once more.
local function give_chance(hid)
  local trouble = trouble_of(call('HGET', P .. 'host:' .. hid, 'trouble'))
  if trouble.down > 0 then set_trouble(hid, trouble.fails, trouble.rest, trouble.opened, trouble.since, 0) end
end

local function take_lease(worker, token)
  local key = P .. 'worker:' .. worker
  local packed = call('HGET', key, token)
  if not packed then return nil end
  return cmsgpack.unpack(packed)
end

local function lease_counts(job, lease, n)
  count(job, 'leased', n)
  if string.sub(lease.member, 9, 9) == 'p' then count(job, 'leased_pages', n) end
end

local function cancel_member(job, member)
  count(job, 'done', 1)
  count(job, 'c:x', 1)
  set_seen_state(job, string.sub(member, 1, 8), 'x')
end
