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

local function take_lease(worker, token)
  local key = P .. 'worker:' .. worker
  local packed = call('HGET', key, token)
  if not packed then return nil end
  return cmsgpack.unpack(packed)
end

-- The host that a lease's last request went to: that of its URL, but for a robots.txt that redirects elsewhere.
local function place_of(lease) return lease.at or lease.hid end

-- A host at which nothing was leased because of this robots lease.
local function open_again(hid, token)
  local key = P .. 'host:' .. hid
  if call('HGET', key, 'robots') == token then call('HDEL', key, 'robots') end
  schedule(hid)
end

-- Ends what a robots lease keeps out at its own host, and at the one that it was redirected to.
local function leave_robots(lease, token, ago)
  end_flight(place_of(lease), token, ago)
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
