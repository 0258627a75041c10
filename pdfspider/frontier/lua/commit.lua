-- Ends leases: what was found is enqueued, the outcome is counted, the host is told when it was asked.
--
-- ARGV[2] msgpack: {worker, call id, rules, request, …}; rules and signal: see apply_signal
--   request {token, class code, dead, ms since the fetch started (-1: never), bytes stored, signal, links, last}
--           last is false for all but the final part of a page whose links do not fit into one call
-- Answer: one of ok, fenced, epoch for each request, in order, or the text of the error that kept it from anything. epoch:
-- the frontier restarted since the lease was granted, and may have forgotten links that the worker did not send because
-- it knew them; the page has to be visited again.

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

local function end_visit(lease, host, token, ago, signal)
  local hid = lease.hid
  if ago < 0 then give_place_back(lease, host) end
  end_flight(hid, host, token, ago)
  schedule(hid, nil, false, not apply_signal(hid, host, token, signal, rules) and host)
end

local function commit(request)
  local token, code, dead, ago, bytes, signal, links, last = unpack(request, 1, 8)
  local lease = take_lease(worker, token)
  if not lease or not lease.member then return 'fenced' end
  if lease.epoch ~= epoch and (code == 'p' or not last) then return 'epoch' end
  local job, hid, fp = job_of(lease.run), lease.hid, string.sub(lease.member, 1, 8)
  local host = host_in_flight(hid)
  if job and last then set_seen_state(job, fp, code) end
  if job and #links > 0 and job.state ~= 'cancelling' then
    local done, plan = pcall(plan_links, job, links)
    if not done then
      if last then set_seen_state(job, fp, '.') end
      error(plan, 0)
    end
    add_links(job, plan)
    if plan.places[hid] then host = host_in_flight(hid) end
  end
  if not last then return 'ok' end
  call('HDEL', leases_key, token)
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
local answers = {}
for i = 4, #request do
  local done, answer = pcall(commit, request[i])
  answers[i - 3] = done and answer or (type(answer) == 'table' and answer.err or tostring(answer))
end
flush_jobs()
totals.flush()
call('HSET', calls_key, 'commit', call_id, 'answers', cmsgpack.pack(answers))
call('PEXPIRE', calls_key, str(lease_period * 20))
return answers
