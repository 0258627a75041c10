-- Counts the waiting URLs of a run in one step, without a write. No shared file is put before this script.
--
-- ARGV {run, the most hosts and the most leases that are looked at}
-- Answer: {queued, delayed, leased, leased_pages, spilled} by the counters of the run's hash, then by what its queues
-- hold; or false if that would take too long, or if there is no such run.

local P = '{pdfs}:'
local call = redis.call
local run, limit = ARGV[1], tonumber(ARGV[2])
local DELAYED = '4503599627370496' -- as in shared/keys.lua
local hosts_key, job_key = P .. 'job:' .. run .. ':hosts', P .. 'job:' .. run

if call('EXISTS', job_key) == 0 or call('SCARD', hosts_key) > limit or call('ZCARD', P .. 'solo') > limit then
  return false
end
local workers, leases = call('ZRANGE', P .. 'workers', 0, -1), 0
for _, worker in ipairs(workers) do leases = leases + call('HLEN', P .. 'worker:' .. worker) end
if leases > limit then return false end

local queued, delayed, leased, pages, spilled, blocks = 0, 0, 0, 0, 0, 0
for _, hid in ipairs(call('SMEMBERS', hosts_key)) do
  local key = P .. 'q:' .. hid .. ':' .. run
  queued = queued + call('ZCOUNT', key, '-inf', '(' .. DELAYED)
  delayed = delayed + call('ZCOUNT', key, DELAYED, '+inf')
  local overflow = P .. 'overflow:' .. hid .. ':' .. run
  blocks = blocks + call('ZCARD', overflow)
  if blocks > limit then return false end
  for _, id in ipairs(call('ZRANGE', overflow, 0, -1)) do spilled = spilled + string.match(id, '^%d+') end
end
queued = queued + spilled
for _, packed in ipairs(call('ZRANGE', P .. 'solo', 0, -1)) do
  if cmsgpack.unpack(packed)[1] == run then queued = queued + 1 end
end
for _, worker in ipairs(workers) do
  for _, packed in ipairs(call('HVALS', P .. 'worker:' .. worker)) do
    local ok, lease = pcall(cmsgpack.unpack, packed)
    if ok and lease.run == run and lease.member then
      leased = leased + 1
      if lease.page or string.sub(lease.member, 9, 9) == 'p' then pages = pages + 1 end
    end
  end
end
local counted = call('HMGET', job_key, 'queued', 'delayed', 'leased', 'leased_pages', 'spilled')
local answer = {}
for i = 1, 5 do answer[i] = tonumber(counted[i] or 0) end
for i, there in ipairs({queued, delayed, leased, pages, spilled}) do answer[5 + i] = there end
return answer
