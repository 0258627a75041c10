-- Leases.

local function without(tokens, token)
  local from, to = string.find(tokens or '', token, 1, true)
  if not from then return tokens end
  return string.sub(tokens, 1, from - 1) .. string.sub(tokens, to + 2)
end

-- A start is planned for the holder of a token. Every start that was not reported yet counts, each token once.
local function plan_start(hid, host, token, at)
  host.starting = token .. ' ' .. (without(host.starting, token) or '')
  host.last, host.gap, host.fcap = at, host.pause, host.cap
  call('HSET', P .. 'host:' .. hid, 'last', at, 'gap', str(host.gap), 'fcap', str(host.fcap), 'turn', host.turn,
    'starting', host.starting)
end

-- Records when the planned start of a lease at the host really was, ago in ms (negative: it never was). free: nothing is
-- in flight there any more, and no cap of what was holds.
local function note_start(hid, host, token, ago, free)
  local key, others = P .. 'host:' .. hid, without(host.starting, token)
  if ago >= 0 then
    host.last = math.max(host.last, math.ceil(now_us / 1000 - ago))
    call('HSET', key, 'last', host.last)
  end
  if others == '' and free then call('HDEL', key, 'starting', 'fcap')
  elseif others == '' then call('HDEL', key, 'starting')
  else
    if others ~= host.starting then call('HSET', key, 'starting', others) end
    if free then call('HDEL', key, 'fcap') end
  end
  host.starting = others ~= '' and others or nil
end

-- A planned start that never was gives its place back to the next. Only what was planned while nothing was in flight
-- does: the start before it is known exactly then.
local function give_place_back(lease, host)
  if lease.planned and host.last == lease.planned then
    host.last = lease.before
    call('HSET', P .. 'host:' .. lease.hid, 'last', str(lease.before))
  end
end

-- host: as host_in_flight gives it
local function end_flight(hid, host, token, ago)
  host.in_flight = host.in_flight - call('SREM', P .. 'host:' .. hid .. ':flight', token)
  local free = host.in_flight == 0 and host.fcap > 0
  if free then
    host.fcap = 0
    set_limits(host, host.delay, host.allowed)
  end
  note_start(hid, host, token, ago, free)
end

local function read_lease(packed)
  local lease = cmsgpack.unpack(packed)
  if type(lease) ~= 'table' or type(lease.hid) ~= 'string' or type(lease.run) ~= 'string' then error('a broken lease', 0) end
  return lease
end

local function take_lease(worker, token)
  local packed = call('HGET', P .. 'worker:' .. worker, token)
  return packed and read_lease(packed) or nil
end

-- Robots records.

-- reach: that of the URLs that may not ask for it, or nil
local function robots_key(origin, reach)
  return P .. 'robots:' .. redis.sha1hex(origin) .. (reach and ':' .. reach or '')
end

local FAILURE_KEPT = 3600000 -- ms
local function set_robots(origin, body, failure, ttl, reach)
  local key = robots_key(origin, reach)
  call('HSET', key, 'body', body, 'failure', failure)
  call('HDEL', key, 'stale', 'used')
  if failure ~= '' then
    call('HSET', key, 'stale', str(now + ttl))
    ttl = math.max(ttl, FAILURE_KEPT)
  end
  call('PEXPIRE', key, str(math.min(ttl, HOST_KEPT)))
end

-- Whether a robots.txt is known. That one cannot be had is known until a URL has ended by it, however long its host has
-- to wait for its turn: otherwise hosts that are many and dead would be asked again and again and nothing would end. A
-- host whose breaker lets one through is asked.
local function knows_robots(key, host)
  local failure, stale = unpack(call('HMGET', key, 'failure', 'stale'))
  if not failure then return false end
  return failure == '' or not stale or now < int(stale)
    or (host.trouble.opened == 0 and call('HEXISTS', key, 'used') == 0)
end

local function use_robots(key)
  if call('HEXISTS', key, 'stale') == 1 then call('HSET', key, 'used', '1') end
end

-- The host that a lease's last request went to: that of its URL, but for a robots.txt that redirects elsewhere.
local function place_of(lease) return lease.at or lease.hid end

-- A host at which nothing was leased because of this robots lease.
local function open_again(hid, token)
  local key = P .. 'host:' .. hid
  if call('HGET', key, 'robots') == token then call('HDEL', key, 'robots') end
  schedule(hid)
end

-- Ends what a robots lease keeps out at its own host, and at the one that it was redirected to. host: where it is.
local function leave_robots(lease, host, token, ago)
  end_flight(place_of(lease), host, token, ago)
  if lease.at then open_again(lease.at, token) end
  open_again(lease.hid, token)
end

local function is_of_page(lease) return lease.page or string.sub(lease.member, 9, 9) == 'p' end

local function lease_counts(job, lease, n)
  count(job, 'leased', n)
  if is_of_page(lease) then count(job, 'leased_pages', n) end
end

local function cancel_member(job, member)
  count(job, 'done', 1)
  count(job, 'c:x', 1)
  set_seen_state(job, string.sub(member, 1, 8), 'x')
end
