-- Ends leases: what was found is enqueued, the outcome is counted, the host is told when it was asked.
--
-- ARGV[2] msgpack: {worker, call id, rules, ending, …}; rules and sign: see hear
--   ending  {token, class code, dead, ms since the fetch started (-1: never), bytes stored, sign, links, last}
--           last is false for all but the final part of a page whose links do not fit into one call
-- Answer: one of ok, fenced, epoch for each ending, in order. epoch: the frontier restarted since the lease was granted,
-- and may have forgotten links that the worker did not send because it knew them; the page has to be visited again.

local request = cmsgpack.unpack(ARGV[2])
local worker, call_id, rules = request[1], request[2], request[3]
local calls_key, leases_key = P .. 'worker:' .. worker .. ':calls', P .. 'worker:' .. worker
local known_epoch = int(call('HGET', P .. 'meta', 'epoch'))

local function check(ending)
  local token, code, dead, ago, bytes, sign, links, last = unpack(ending, 1, 8)
  if not (type(token) == 'string' and type(code) == 'string' and (#code == 1 or not last) and type(dead) == 'boolean'
    and type(ago) == 'number' and type(bytes) == 'number') then error('a malformed ending') end
  check_sign(sign)
  check_links(links)
end

local function commit(ending)
  local token, code, dead, ago, bytes, sign, links, last = unpack(ending, 1, 8)
  local lease = take_lease(worker, token)
  if not lease then return 'fenced' end
  if lease.epoch ~= known_epoch and (code == 'p' or not last) then return 'epoch' end
  local job = job_of(lease.run)
  if job and job.state ~= 'cancelling' then add_links(job, links) end
  if not last then return 'ok' end
  call('HDEL', leases_key, token)
  if job then
    lease_counts(job, lease, -1)
    count(job, dead and 'dead' or 'done', 1)
    count(job, 'c:' .. code, 1)
    if bytes > 0 then count(job, 'bytes', bytes) end
    set_seen_state(job, string.sub(lease.member, 1, 8), code)
    if FOUND[code] then note_found(job, string.sub(lease.member, 1, 8)) end
  end
  if lease.kind == 'u' then
    if ago < 0 then give_place_back(lease) end
    end_flight(lease.hid, token, ago)
    hear(lease.hid, token, sign, rules)
    schedule(lease.hid)
  end
  return 'ok'
end

if call('HGET', calls_key, 'commit') == call_id then return cmsgpack.unpack(call('HGET', calls_key, 'answers')) end
check_rules(rules)
for i = 4, #request do check(request[i]) end
local answers = {}
for i = 4, #request do answers[i - 3] = commit(request[i]) end
flush_jobs()
call('HSET', calls_key, 'commit', call_id, 'answers', cmsgpack.pack(answers))
call('PEXPIRE', calls_key, str(lease_period * 20))
return answers
