-- Jobs. Each is read once per script; flush_jobs writes changed counters together, and new runs whole.

local JOB_FIELDS = {'state', 'sealed', 'queued', 'delayed', 'leased', 'leased_pages', 'max_pages', 'max_documents',
  'c:p', 'c:d', 'robots', 'delay', 'cap', 'level', 'split', 'seen', 'seq', 'name', 'told', 'masters', 'logged', 'retention',
  'spilled', 'deadline'}
local TEXT = {state = true, name = true, told = true, masters = true}
local jobs = {}

-- Raises an error if a key to which note_found or finish writes has the wrong type.
local function expect_ending(job)
  expect('zset', P .. 'finished')
  expect('stream', P .. 'events')
  for transport in string.gmatch(job.masters, '%S+') do expect('stream', P .. 'owed:' .. transport) end
  for transport in string.gmatch(job.told, '%S+') do
    expect('set', P .. 'untold:' .. job.run .. ':' .. transport)
    expect('stream', P .. 'found:' .. transport)
  end
  if job.logged > 0 then expect('stream', P .. 'log:' .. job.run) end
end

local function job_of(run)
  local job = jobs[run]
  if job then return job end
  local values = call('HMGET', P .. 'job:' .. run, unpack(JOB_FIELDS))
  if not values[1] then return nil end
  job = {run = run, changed = {}}
  for i, field in ipairs(JOB_FIELDS) do
    job[field] = TEXT[field] and (values[i] or '') or tonumber(values[i] or 0)
    if not job[field] then error('job:' .. run .. ' has no number for ' .. field, 0) end
  end
  job.cap = math.max(job.cap, 1)
  expect_ending(job)
  jobs[run] = job
  return job
end

-- A run that this script opens; flush_jobs writes its fields. A field that is not set is 0 or ''.
local BLANK = {}
for _, field in ipairs(JOB_FIELDS) do BLANK[field] = TEXT[field] and '' or 0 end
local NEW = {__index = BLANK}

local function new_job(run, fields)
  local job = setmetatable({run = run, changed = {}, fields = fields}, NEW)
  for field, value in pairs(fields) do
    if BLANK[field] then job[field] = TEXT[field] and value or int(value) end
  end
  job.cap = math.max(job.cap, 1)
  expect('hash', P .. 'job:' .. run)
  expect_ending(job)
  jobs[run] = job
  return job
end

-- Sums over all runs, written once per script. A failure to write them stops nothing. They are one table, because a script
-- may have 200 locals.
local totals = {of = {}, present = {queued = true, delayed = true, leased = true}}
function totals.add(field, n) totals.of[field] = (totals.of[field] or 0) + n end

function totals.note_state(before, after)
  if before then totals.add('jobs:' .. before, -1) end
  if after then totals.add('jobs:' .. after, 1) end
end

-- Adds the change of a job's field; outcomes and bytes are never subtracted.
function totals.note(field, n)
  if totals.present[field] or n > 0 and (field == 'bytes' or string.byte(field, 2) == 58) then totals.add(field, n) end
end

function totals.flush()
  for field, n in pairs(totals.of) do
    if n ~= 0 then redis.pcall('HINCRBY', P .. 'totals', field, str(n)) end
  end
  totals.of = {}
end

local function count(job, field, n)
  job[field] = (job[field] or 0) + n
  job.changed[field] = (job.changed[field] or 0) + n
end

local function is_empty(job) return job.queued + job.delayed + job.leased == 0 end

local function owe_answer(run, transport, name, state)
  call('XADD', P .. 'owed:' .. transport, '*', 'run', run, 'job', name, 'state', state)
end

-- Records a document of a run for each transport whose masters get events, until the event is sent, and in the log that
-- clients watch. Everything is bounded, even if nobody reads it.
local FOUND = {d = true, u = true, N = true}
local KEPT = {untold = 1000000, notes = 100000, log = 100000, log_ms = 3600000}

local function note_found(job, fp)
  if job.logged > 0 then
    local log = P .. 'log:' .. job.run
    call('XADD', log, 'MAXLEN', '~', KEPT.log, '*', 'fp', fp)
    call('PEXPIRE', log, KEPT.log_ms)
  end
  for transport in string.gmatch(job.told, '%S+') do
    local untold, notes = P .. 'untold:' .. job.run .. ':' .. transport, P .. 'found:' .. transport
    if call('SCARD', untold) < KEPT.untold and call('SADD', untold, fp) == 1 then
      call('XADD', notes, 'MAXLEN', '~', KEPT.notes, '*', 'run', job.run, 'job', job.name, 'fp', fp)
      call('PEXPIRE', notes, str(job.retention))
    end
  end
end

-- The lists of jobs are no part of the jobs' state: a list that could not be written is rebuilt.
local function list_run(job, list) redis.pcall('ZADD', P .. list, job.run, job.name) end
local function unlist_run(job, list)
  if redis.pcall('ZSCORE', P .. list, job.name) == job.run then redis.pcall('ZREM', P .. list, job.name) end
end

local function finish(job, retention)
  local key = P .. 'job:' .. job.run
  job.state = job.state == 'cancelled' and 'cancelled' or 'finished'
  call('HSET', key, 'state', job.state, 'finished', str(now))
  call('ZADD', P .. 'finished', str(now + retention), job.run)
  unlist_run(job, 'open')
  call('XADD', P .. 'events', 'MAXLEN', '~', 10000, '*', 'event', job.state, 'job', job.name, 'run', job.run)
  for transport in string.gmatch(job.masters, '%S+') do
    owe_answer(job.run, transport, job.name, job.state)
  end
  for transport in string.gmatch(job.told, '%S+') do
    call('PEXPIRE', P .. 'untold:' .. job.run .. ':' .. transport, str(retention))
  end
end

local function write_new(job)
  local flat = {}
  for _, fields in ipairs({job.fields, job.changed}) do
    for field, value in pairs(fields) do
      flat[#flat + 1] = field
      flat[#flat + 1] = type(value) == 'number' and str(value) or value
    end
  end
  for field, n in pairs(job.changed) do totals.note(field, n) end
  totals.note_state(nil, job.state)
  call('HSET', P .. 'job:' .. job.run, unpack(flat))
  job.fields = nil
end

-- What was read is written as it is now, all at once; what was not is increased.
local function write_counts(job)
  local key, counted = P .. 'job:' .. job.run, {}
  for field, n in pairs(job.changed) do
    if n ~= 0 then
      if BLANK[field] then counted[#counted + 1], counted[#counted + 2] = field, str(job[field])
      else call('HINCRBY', key, field, n) end
      totals.note(field, n)
    end
  end
  call_with('HSET', key, counted)
end

-- Runs that begin or cease to have URLs that wait. This follows the jobs too.
local function list_queued(job)
  local waiting = job.queued + job.delayed
  local before = waiting - (job.changed.queued or 0) - (job.changed.delayed or 0)
  if waiting > 0 and before <= 0 then redis.pcall('SADD', P .. 'queued', job.run)
  elseif waiting <= 0 and before > 0 then redis.pcall('SREM', P .. 'queued', job.run) end
end

local function flush_jobs()
  for run, job in pairs(jobs) do
    list_queued(job)
    if job.fields then write_new(job) else write_counts(job) end
    job.changed = {}
    local open = job.state == 'running' or job.state == 'paused'
    if is_empty(job) and (job.sealed == 1 and open or job.state == 'cancelling') then
      local before = job.state
      if before == 'cancelling' then job.state = 'cancelled' end
      finish(job, job.retention)
      totals.note_state(before, job.state)
    end
  end
end
