-- Pauses, resumes, cancels or seals a job, or begins to log its documents. Answer: the new state, or false if there is
-- no such job.
--
-- ARGV[2] msgpack: {name, action}

local name, action = unpack(cmsgpack.unpack(ARGV[2]), 1, 2)
if type(name) ~= 'string' or type(action) ~= 'string' then error('a malformed action', 0) end
expect('set', P .. 'chores')
local run = call('HGET', P .. 'jobs', name)
local job = run and job_of(run)
if not job then return false end

local function become(state)
  call('HSET', P .. 'job:' .. run, 'state', state)
  totals.note_state(job.state, state)
  job.state = state
  call('SADD', P .. 'chores', run)
end

if action == 'pause' and job.state == 'running' then become('paused')
elseif action == 'resume' and job.state == 'paused' then become('running')
elseif action == 'cancel' and (job.state == 'running' or job.state == 'paused') then become('cancelling')
elseif action == 'seal' and name ~= 'default' then
  call('HSET', P .. 'job:' .. run, 'sealed', '1')
  job.sealed = 1
elseif action == 'log' then
  call('HSET', P .. 'job:' .. run, 'logged', '1')
end
flush_jobs()
totals.flush()
return job.state
