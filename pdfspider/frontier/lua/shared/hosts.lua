-- Host gates.

local HOST_FIELDS = {'last', 'gap', 'delay', 'cap', 'fcap', 'crawl', 'until', 'turn', 'auto', 'robots', 'starting', 'trouble', 'held'}
local WELL = {fails = 0, rest = 0, opened = 0, since = 0, down = 0}

local function trouble_of(text)
  local fails, rest, opened, since, down = string.match(text or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not fails then return WELL end
  return {fails = int(fails), rest = int(rest), opened = int(opened), since = int(since), down = int(down)}
end

local function set_limits(host, delay, allowed)
  host.delay, host.allowed, host.cap = delay, allowed, allowed
  if host.fcap > 0 then host.cap = math.min(host.cap, host.fcap) end
  if host.trouble.opened > 0 then host.cap = 1 end
  host.pause = math.max(host.delay, host.crawl, host.auto)
end

local function host_of(hid)
  local values = call('HMGET', P .. 'host:' .. hid, unpack(HOST_FIELDS))
  local last, gap, delay, cap, fcap, crawl, rest, turn, auto, robots, starting, trouble, held = unpack(values, 1, 13)
  local host = {last = int(last), gap = int(gap), delay = int(delay), fcap = int(fcap), crawl = int(crawl), turn = int(turn),
    auto = int(auto), robots = robots, starting = starting, held = held, blank = not (last or cap or crawl or rest or turn or auto or robots or trouble)}
  host['until'], host.trouble = int(rest), trouble and trouble_of(trouble) or WELL
  set_limits(host, host.delay, math.max(int(cap), 1))
  return host
end

local function flight_of(hid) return call('SCARD', P .. 'host:' .. hid .. ':flight') end

-- Returns the host and how many leases are in flight there. Raises an error if a key has the wrong type.
local function host_in_flight(hid)
  expect('zset', P .. 'hosts')
  local host = host_of(hid)
  host.in_flight = flight_of(hid)
  return host
end

local function due_at(host)
  local last, gap = math.max(host.last, boot), math.max(host.gap, host.pause)
  return math.max(gap > 0 and last + gap or 0, host['until'])
end

-- Returns whether the host is open. A planned start that was not reported yet keeps it closed, because that start may be
-- late, and then the next one would come too soon. A breaker that is not closed lets one request through at a time.
local function is_open(hid, host, in_flight)
  return not host.robots and not (host.starting and host.gap > 0)
    and (in_flight or call('SCARD', P .. 'host:' .. hid .. ':flight')) < host.cap
end

-- Returns whether no lease of the host has ended yet, or whether it was down at the last request. Its name may be unknown,
-- or nothing may answer there, so such hosts get only a bounded part of a worker's slots.
local function is_unreached(host, in_flight)
  return host.turn <= in_flight or host.trouble.fails > 0 and host.trouble.rest == 0
end

-- Returns the score of a host that has work: the time of its next start, for unreached ones behind all others; nil while
-- it is closed.
local function start_of(hid, host, at, in_flight)
  in_flight = in_flight or flight_of(hid)
  if not is_open(hid, host, in_flight) then return nil end
  return math.max(at or 0, due_at(host), now) + (is_unreached(host, in_flight) and UNREACHED or 0)
end

local function schedule_host(hid, host, at, again, in_flight)
  local score = start_of(hid, host, at, in_flight)
  if not score then call('ZREM', P .. 'hosts', hid)
  elseif again then call('ZADD', P .. 'hosts', score, hid)
  else call('ZADD', P .. 'hosts', 'LT', score, hid) end
end

-- Adds the host to the order of starts, or removes it while it has no work or is closed. A host that waits already is not
-- moved back, except by a lease call that has just taken it (again). host: its state, if that was read.
local function schedule(hid, at, again, host)
  if call('EXISTS', P .. 'host:' .. hid .. ':jobs') == 0 then
    call('ZREM', P .. 'hosts', hid)
    call('HDEL', P .. 'host:' .. hid, 'held')
    call('PEXPIRE', P .. 'host:' .. hid, HOST_KEPT)
    return
  end
  schedule_host(hid, host or host_of(hid), at, again, host and host.in_flight)
end

-- Hosts whose place in the order of starts changes, written together by flush_starts.
local due, closed = {}, {}

local function note_due(hid, host, at)
  local start = start_of(hid, host, at, host.in_flight)
  if start then due[#due + 1], due[#due + 2] = start, hid else closed[#closed + 1] = hid end
end

local function flush_starts(option)
  call_with('ZADD', P .. 'hosts', due, option)
  call_with('ZREM', P .. 'hosts', closed)
  due, closed = {}, {}
end

local function limits(hid)
  local runs = call('ZRANGE', P .. 'host:' .. hid .. ':jobs', 0, 63)
  local delay, cap
  for _, run in ipairs(runs) do
    local readable, job = pcall(job_of, run)
    if readable and job then
      delay = math.max(delay or 0, job.delay)
      cap = math.min(cap or job.cap, job.cap)
    end
  end
  if delay then call('HSET', P .. 'host:' .. hid, 'delay', str(delay), 'cap', str(cap)) end
end

local function tighten(hid, host, job)
  set_limits(host, math.max(host.delay, job.delay), math.min(host.allowed, job.cap))
  call('HSET', P .. 'host:' .. hid, 'delay', str(host.delay), 'cap', str(host.allowed))
end

-- A host with one run has the limits of that run.
local function open_host(hid, host, job, name)
  set_limits(host, job.delay, job.cap)
  local key = P .. 'host:' .. hid
  if name then call('HSET', key, 'delay', str(host.delay), 'cap', str(host.allowed), 'name', name)
  else call('HSET', key, 'delay', str(host.delay), 'cap', str(host.allowed)) end
end

-- An unknown host has no run, and nothing is in flight there.
local function new_place(hid, job, host)
  expect('zset', P .. 'host:' .. hid .. ':jobs')
  host.in_flight = 0
  return {hid = hid, host = host, new = true, in_flight = 0}
end

-- Reads what is needed before anything is queued at a host; writes nothing. host: its state, if that was read. known:
-- whether the run has the host already.
local function queue_place(hid, job, host, known)
  local key, hosts = P .. 'host:' .. hid, P .. 'job:' .. job.run .. ':hosts'
  if known == nil then known = call('SISMEMBER', hosts, hid) == 1 end
  local place
  if not host then
    host = host_of(hid)
    if host.blank then place = new_place(hid, job, host) else host.in_flight = flight_of(hid) end
  end
  place = place or {hid = hid, host = host, attached = call('ZSCORE', key .. ':jobs', job.run), in_flight = host.in_flight}
  place.known = known
  place.parked = job.state == 'paused' and call('SISMEMBER', P .. 'job:' .. job.run .. ':parked', hid) == 1
  return place
end

-- Lets the run's queue take part in the host's turns, unless it was parked; returns whether it does.
local function attach(place, job, name)
  local hid, host, turns = place.hid, place.host, P .. 'host:' .. place.hid .. ':jobs'
  if place.attached then return true end
  if not place.known then call('SADD', P .. 'job:' .. job.run .. ':hosts', hid) end
  if place.parked then return false end
  call('ZADD', turns, 'NX', host.turn, job.run)
  if place.new then
    open_host(hid, host, job, name)
  elseif call('ZCARD', turns) == 1 then
    call('PERSIST', P .. 'host:' .. hid)
    open_host(hid, host, job, name)
  elseif job.delay > host.delay or job.cap < host.allowed then tighten(hid, host, job) end
  return true
end

-- Takes a run out of a host's turns; returns how many others there are.
local function detach(hid, run)
  local turns = P .. 'host:' .. hid .. ':jobs'
  call('ZREM', turns, run)
  call('SREM', P .. 'job:' .. run .. ':hosts', hid)
  local others = call('ZCARD', turns)
  if others > 0 and others <= 64 then limits(hid) end
  return others
end
