-- Ends leases: enqueues the links that were found, counts the outcome, and records the request start at the host.
--
-- ARGV[2] msgpack: {worker, call id, rules, request, …}; rules and signal: see apply_signal
--   request {token, class code, dead, ms since the fetch started (-1: never), bytes stored, signal, links, last}
--           last is false for all but the final part of a page whose links do not fit into one call
-- Answer: one of ok, fenced, epoch for each request, in order, or the text of an error; then that part has changed nothing. epoch:
-- the frontier restarted after the lease was granted. It may have forgotten links that the worker did not send because
-- they were in its cache, so the page has to be visited again.

local MOST_ENDINGS = 5000
local request = cmsgpack.unpack(ARGV[2])
if type(request) ~= 'table' then error('a malformed commit', 0) end
local worker, call_id, rules = request[1], request[2], request[3]
if not (is_worker(worker) and type(call_id) == 'string') then error('a malformed commit', 0) end
local calls_key, leases_key = P .. 'worker:' .. worker .. ':calls', P .. 'worker:' .. worker

local function check(request)
  if type(request) ~= 'table' then error('a malformed commit request', 0) end
  local token, code, dead, ago, bytes, signal, links, last = unpack(request, 1, 8)
  if not (type(token) == 'string' and type(code) == 'string' and (#code == 1 or not last) and type(dead) == 'boolean'
    and is_number(ago, -1, 2 ^ 52) and is_number(bytes, 0, 2 ^ 52)) then error('a malformed commit request', 0) end
  check_signal(signal)
  check_links(links)
end

local function count_end(job, lease, code, dead, bytes)
  lease_counts(job, lease, -1)
  count(job, dead and 'dead' or 'done', 1)
  count(job, 'c:' .. code, 1)
  if bytes > 0 then count(job, 'bytes', bytes) end
end

-- Several leases of a host often end together, so the host is read once, unless something other than these ends changes it.
local hosts, ended = {}, {}

local function host_at(hid)
  local host = hosts[hid] or host_in_flight(hid)
  hosts[hid] = host
  return host
end

local function end_visit(lease, host, token, ago, signal)
  local hid = lease.hid
  if ago < 0 then give_place_back(lease, host) end
  end_flight(hid, host, token, ago)
  host.ended = true
  if apply_signal(hid, host, token, signal, rules) then
    hosts[hid] = nil
    schedule(hid)
  end
end

-- Put the hosts of ended leases back into the order of starts.
local function wait_again()
  for hid, host in pairs(hosts) do
    if host.ended and call('EXISTS', P .. 'host:' .. hid .. ':jobs') == 0 then schedule(hid)
    elseif host.ended then note_due(hid, host) end
  end
  flush_starts('LT')
end

-- A host whose limits may have changed is read again.
local function renew_host(hid)
  local before = hosts[hid]
  if not before then return end
  hosts[hid] = nil
  host_at(hid).ended = before.ended
end

local packed -- the leases of this call, by token; those that have ended are gone

local function read_leases()
  packed = {}
  for from = 4, #request, ARGUMENTS do
    local tokens = {}
    for i = from, math.min(from + ARGUMENTS - 1, #request) do tokens[#tokens + 1] = request[i][1] end
    for i, lease in ipairs(call('HMGET', leases_key, unpack(tokens))) do packed[tokens[i]] = lease end
  end
end

local function commit(request)
  local token, code, dead, ago, bytes, signal, links, last = unpack(request, 1, 8)
  local lease = packed[token] and read_lease(packed[token])
  if not lease or not lease.member then return 'fenced' end
  if lease.epoch ~= epoch and (code == 'p' or not last) then return 'epoch' end
  local job, hid, fp = job_of(lease.run), lease.hid, string.sub(lease.member, 1, 8)
  local host = host_at(hid)
  if job and last then set_seen_state(job, fp, code) end
  if job and #links > 0 and job.state ~= 'cancelling' then
    local done, plan = pcall(plan_links, job, links)
    if not done then
      if last then set_seen_state(job, fp, '.') end
      error(plan, 0)
    end
    add_links(job, plan)
    for changed in pairs(plan.places) do renew_host(changed) end
    host = host_at(hid)
  end
  if not last then return 'ok' end
  packed[token], ended[#ended + 1] = nil, token
  if job then count_end(job, lease, code, dead, bytes) end
  if FOUND[code] and job then note_found(job, fp) end
  if lease.kind == 'u' then end_visit(lease, host, token, ago, signal) end
  return 'ok'
end

expect('hash', leases_key)
expect('zset', P .. 'breakers')
local answered, kept = unpack(call('HMGET', calls_key, 'commit', 'answers'))
if answered == call_id and kept then return cmsgpack.unpack(kept) end
check_rules(rules)
if #request > MOST_ENDINGS + 3 then error('too many endings', 0) end
for i = 4, #request do check(request[i]) end
read_leases()
local answers = {}
for i = 4, #request do
  local done, answer = pcall(commit, request[i])
  answers[i - 3] = done and answer or (type(answer) == 'table' and answer.err or tostring(answer))
end
call_with('HDEL', leases_key, ended)
wait_again()
flush_jobs()
totals.flush()
call('HSET', calls_key, 'commit', call_id, 'answers', cmsgpack.pack(answers))
call('PEXPIRE', calls_key, str(lease_period * 20))
return answers
