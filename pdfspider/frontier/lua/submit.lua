-- Admits links to jobs. Opens a job, or its next run, if no run accepts them.
--
-- ARGV[2] msgpack: {request, …}, each independent of the others
--   request {name, options, given, seal, links, revive, claim, task, changes, planned}
--   options map for a run that this call opens, without those that are 0 or ''. Unless they were given, the run takes over
--           those of the run before. An open run keeps its own
--   changes map of the options that an operator changes in an open run ('' and '0' too), or false
--   links   see shared/links.lua
--   revive  class codes whose URLs are queued again, '' for none: {code -> whether it counts as dead} as a map;
--           their hosts are asked again, also those that were given up
--   claim   {worker, raw message, …}: start URLs that this call settles, or false
--   task    {transport, key, record, once, events}: the master's message, to be answered when the run has ended, or false;
--           once: a run of that name that is sealed or has ended has taken it in before, and nothing changes; events:
--           whether the transport tells of each document
--   planned {time, following time, last}: a part of what the job's schedule has for this time, or false; the last part sets
--           the following time. Nothing happens where that has been done, and while the run before has not ended
-- Answer: {run, added, revived, hosts at which the queue is over its cap} for each request, in order, or the text of
-- the error that it led to

local OPTIONS = {'delay', 'cap', 'robots', 'max_pages', 'max_documents', 'retention', 'anchors', 'meta', 'due', 'max_time'}
local IS_TEXT = {anchors = 65536, meta = 16384} -- and how many bytes each may have
local MOST_CLAIMED = 5000
local name, options, given, seal, links, revive, claim, task, changes, planned

local function is_text(value, most) return type(value) == 'string' and #value <= most end

local function is_option(field, value)
  if IS_TEXT[field] then return is_text(value, IS_TEXT[field]) end
  return is_text(value, 19) and string.find(value, '^%d+$')
end

local function check_options(values)
  if type(values) ~= 'table' then error('malformed options', 0) end
  for _, field in ipairs(OPTIONS) do
    if values[field] ~= nil and not is_option(field, values[field]) then error('a malformed ' .. field, 0) end
  end
end

local function check_list(values, most)
  if type(values) ~= 'table' or #values == 0 or #values > most then error('a malformed list', 0) end
  for i = 1, #values do -- there may be holes
    if type(values[i]) ~= 'string' then error('a malformed list', 0) end
  end
end

local function check_request(request)
  if type(request) ~= 'table' then error('a malformed submit', 0) end
  name, options, given, seal, links, revive, claim, task, changes, planned = unpack(request, 1, 10)
  if not (is_text(name, 64) and string.find(name, '^[%w_.-]+$')) then error('a malformed name', 0) end
  check_options(options)
  if changes then check_options(changes) end
  check_links(links)
  if revive and type(revive) ~= 'table' then error('a malformed revive', 0) end
  if claim then
    check_list(claim, MOST_CLAIMED + 1)
    if not is_worker(claim[1]) then error('a malformed claim', 0) end
  end
  if planned and not (type(planned) == 'table' and is_number(planned[1], 0, 2 ^ 50) and is_number(planned[2], 0, 2 ^ 50)) then
    error('a malformed time', 0)
  end
  if not task then return end
  if type(task) ~= 'table' then error('a malformed task', 0) end
  if not (is_text(task[1], 64) and string.find(task[1], '^[%w_.-]+$') and is_text(task[2], 1024)
    and type(task[3]) == 'string') then error('a malformed task', 0) end
end

local function pick(values)
  local picked = {}
  for _, field in ipairs(OPTIONS) do picked[field] = values[field] or nil end
  return picked
end

local function options_before(run)
  local values, picked = call('HMGET', P .. 'job:' .. run, unpack(OPTIONS)), {}
  for i, field in ipairs(OPTIONS) do picked[field] = values[i] or nil end
  return picked
end

-- Sets the time at which the run's queued URLs end. It begins anew with each run.
local function deadline_of(max_time)
  if int(max_time) == 0 or name == 'default' then return nil end
  expect('zset', P .. 'deadlines')
  return str(now + max_time)
end

local last_run

-- A run that this request opens; it is written by flush_jobs.
local function new_run(before)
  last_run = math.max(now, (last_run or int(call('HGET', P .. 'meta', 'run'))) + 1)
  local fields = before and not given and options_before(before) or pick(options)
  fields.name, fields.state, fields.sealed, fields.opened = name, 'running', '0', str(now)
  fields.deadline = deadline_of(fields.max_time)
  return new_job(str(last_run), fields)
end

-- Returns the job that takes the request, and the run before it if that has to be removed. Writes nothing.
local function job_for(run)
  local job = run and job_of(run)
  local state = job and job.state
  if state == 'running' or state == 'paused' or state == 'finished' and revive then return job end
  return new_run(state and run), (state == 'finished' or state == 'cancelled') and run
end

local function reopen(job)
  local key = P .. 'job:' .. job.run
  totals.note_state(job.state, 'running')
  job.state = 'running'
  call('HSET', key, 'state', 'running')
  call('HDEL', key, 'finished')
  call('ZREM', P .. 'finished', job.run)
  list_run(job, 'open')
  local deadline = deadline_of(call('HGET', key, 'max_time'))
  if deadline then
    call('HSET', key, 'deadline', deadline)
    call('ZADD', P .. 'deadlines', deadline, job.run)
  end
end

local function change_options(job)
  local deadline = changes.max_time and (deadline_of(changes.max_time) or '0')
  for field, value in pairs(pick(changes)) do
    call('HSET', P .. 'job:' .. job.run, field, value)
    if type(job[field]) == 'number' then job[field] = tonumber(value) end
  end
  if not deadline then return end
  job.deadline = tonumber(deadline)
  call('HSET', P .. 'job:' .. job.run, 'deadline', deadline)
  if job.deadline > 0 then call('ZADD', P .. 'deadlines', deadline, job.run)
  else call('ZREM', P .. 'deadlines', job.run) end
end

local function enter(job, before)
  if before then call('ZADD', P .. 'finished', str(now), before) end
  if job.fields then
    call('HSET', P .. 'jobs', name, job.run)
    list_run(job, 'recent')
    list_run(job, 'open')
    if job.deadline > 0 then call('ZADD', P .. 'deadlines', str(job.deadline), job.run) end
    return
  end
  if job.state == 'finished' then reopen(job) end
  if changes then change_options(job) end
end

local function count_revived(job, plan)
  for _, revived in ipairs(plan.revived) do
    local state = revived[3]
    count(job, 'c:' .. state, -1)
    count(job, revive[state] == 'dead' and 'dead' or 'done', -1)
  end
  if #plan.revived > 0 then
    for hid in pairs(plan.waiting) do give_chance(hid) end
  end
end

local function expect_task(run)
  expect('hash', P .. 'tasks:' .. run .. ':' .. task[1])
  expect('set', P .. 'unanswered')
  expect('stream', P .. 'owed:' .. task[1])
  expect('stream', P .. 'found:' .. task[1])
  expect('set', P .. 'untold:' .. run .. ':' .. task[1])
end

-- The answer goes where the newest message says; all else stays as the first one said it. A record is an object of
-- JSON whose last key is "reply".
local function newest_reply(known, record)
  local own, reply = string.match(known, '^(.*),"reply":'), string.match(record, '^.*(,"reply":.*)$')
  return own and reply and own .. reply or known
end

-- Returns whether the task is new, and whether its result has another destination now.
local function await_answer(run)
  local transport, key, record = unpack(task, 1, 3)
  local name = P .. 'tasks:' .. run .. ':' .. transport
  local known = call('HGET', name, key)
  if known then record = newest_reply(known, record) end
  if known ~= record then call('HSET', name, key, record) end
  if known then return false, known ~= record end
  call('SADD', P .. 'unanswered', run .. ':' .. transport)
  return true
end

local function add_name(job, field)
  local names = job[field]
  if string.find(' ' .. names .. ' ', ' ' .. task[1] .. ' ', 1, true) then return end
  job[field] = names == '' and task[1] or names .. ' ' .. task[1]
  if job.fields then job.fields[field] = job[field] else call('HSET', P .. 'job:' .. job.run, field, job[field]) end
end

local function add_master(job)
  add_name(job, 'masters')
  if task[5] then add_name(job, 'told') end
end

local function set_sealed(job)
  job.sealed = 1
  if job.fields then job.fields.sealed = '1' else call('HSET', P .. 'job:' .. job.run, 'sealed', '1') end
end

-- Returns the job's run if it has the task already.
local function known_run(run)
  local job = run and job_of(run)
  local ended = job and (job.state == 'finished' or job.state == 'cancelled')
  if not (job and (job.sealed == 1 or ended or job.state == 'cancelling')) then return nil end
  expect_task(run)
  local new, moved = await_answer(run)
  if new then add_master(job) end
  if ended and (new or moved) then owe_answer(run, task[1], name, job.state) end
  return run
end

-- Returns whether a part of the scheduled seeds is admitted: if the run before has ended, or if this run was begun for
-- this time. Else the time is skipped.
local function is_time(run)
  local key, job = P .. 'schedule:' .. name, run and job_of(run)
  expect('hash', key)
  if tonumber(call('ZSCORE', P .. 'schedules', name) or -1) ~= planned[1] or planned[1] > now then return false end
  if not job or job.state == 'finished' or job.state == 'cancelled' then return true end
  local started, starting = unpack(call('HMGET', key, 'started', 'starting'))
  if started == run and starting == str(planned[1]) then return true end
  call('ZADD', P .. 'schedules', str(planned[2]), name)
  call('HINCRBY', key, 'skipped', 1)
  return false
end

local function note_start_of(run)
  local key = P .. 'schedule:' .. name
  call('HSET', key, 'started', run, 'starting', str(planned[1]))
  if not planned[3] then return end
  call('HDEL', key, 'starting')
  call('ZADD', P .. 'schedules', str(planned[2]), name)
end

local function settle_claim()
  for i = 2, #claim do call('LREM', P .. 'taking:' .. claim[1], 1, claim[i]) end
end

local function admit(request)
  check_request(request)
  local run = call('HGET', P .. 'jobs', name) or nil
  if planned and not is_time(run) then return {'0', 0, 0, {}} end
  local known = task and task[4] and known_run(run)
  if known then return {known, 0, 0, {}} end
  local job, before = job_for(run)
  if task then expect_task(job.run) end
  if claim then expect('list', P .. 'taking:' .. claim[1]) end
  if changes then expect('zset', P .. 'deadlines') end
  local plan = plan_links(job, links, revive)
  enter(job, before)
  if task and await_answer(job.run) then add_master(job) end
  if seal and name ~= 'default' then set_sealed(job) end
  count_revived(job, plan)
  local added = add_links(job, plan)
  if claim then settle_claim() end
  if planned then note_start_of(job.run) end
  flush_jobs()
  return {job.run, added, #plan.revived, overfull}
end

-- Wakes idle workers if nothing could be leased before. Where publishing is not permitted, workers poll.
local requests = cmsgpack.unpack(ARGV[2])
if type(requests) ~= 'table' or #requests > 1000 then error('malformed requests', 0) end
local function has_due(from) return call('ZRANGEBYSCORE', P .. 'hosts', str(from), str(from + now), 'LIMIT', 0, 1)[1] end
local idle, changed = not (has_due(0) or has_due(UNREACHED)), 0

local answers = {}
for i, request in ipairs(requests) do
  jobs, overfull = {}, {}
  local done, answer = pcall(admit, request)
  if done then changed = changed + answer[2] + answer[3] end
  answers[i] = done and answer or (type(answer) == 'table' and answer.err or tostring(answer))
end
totals.flush()
if last_run then call('HSET', P .. 'meta', 'run', str(last_run)) end
if idle and changed > 0 then redis.pcall('PUBLISH', P .. 'wake', '') end
return answers
