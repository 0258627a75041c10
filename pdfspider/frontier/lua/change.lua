-- Changes options of the open run of a job.
--
-- ARGV[2] msgpack: {name, {option -> value}}; values are numbers as text
-- Answer: {state, run}, or false where there is no such job.

local OPTIONS = {delay = true, cap = true, max_pages = true, max_documents = true, max_time = true}
local name, changes = unpack(cmsgpack.unpack(ARGV[2]), 1, 2)
if type(name) ~= 'string' or type(changes) ~= 'table' then error('a malformed change', 0) end
for option, value in pairs(changes) do
  if not (OPTIONS[option] and type(value) == 'string' and #value <= 15 and string.find(value, '^%d+$')) then
    error('a malformed change', 0)
  end
end
local run = call('HGET', P .. 'jobs', name)
local job = run and job_of(run)
if not job then return false end
if job.state ~= 'running' and job.state ~= 'paused' then return {job.state, run} end
expect('zset', P .. 'deadlines')

for option, value in pairs(changes) do
  call('HSET', P .. 'job:' .. run, option, value)
  job[option] = tonumber(value)
end
if changes.max_time and name ~= 'default' then
  local over = tonumber(changes.max_time) > 0 and str(now + tonumber(changes.max_time)) or '0'
  call('HSET', P .. 'job:' .. run, 'deadline', over)
  if over == '0' then call('ZREM', P .. 'deadlines', run) else call('ZADD', P .. 'deadlines', over, run) end
end
flush_jobs()
return {job.state, run}
