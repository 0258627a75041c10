-- Admits links to jobs, opening a job or its next run where there is none that takes them.
--
-- ARGV[2] msgpack: {request, …}, each for itself
--   request {name, options, given, seal, links, revive, claim, task}
--   options map, without those that are 0 or ''; unless they were given, a next run takes over those of the run before,
--           and an open run keeps its own
--   links   {fp, host id, host name, kind, priority, depth, payload}, …
--   revive  class codes whose URLs are queued again, '' for none: {code -> whether it counts as dead} as a map;
--           their hosts are asked again, also those that were given up
--   claim   {worker, raw message, …}: start URLs that this call settles, or false
--   task    {transport, key, record, once, events}: the master's message, to be answered when the run has ended, or false;
--           once: a run of that name that is sealed or has ended has taken it in before, and nothing changes; events:
--           whether the transport tells of each document
-- Answer: {run, added, revived, hosts at which the queue is over its cap} for each request, in order, or the text of
-- the error that it led to

local OPTIONS = {'delay', 'cap', 'robots', 'max_pages', 'max_documents', 'retention', 'anchors', 'meta', 'due', 'max_time'}
local name, options, given, seal, links, revive, claim, task

local function check_request(request)
  name, options, given, seal, links, revive, claim, task = unpack(request, 1, 8)
  if type(name) ~= 'string' or type(options) ~= 'table' then error('a malformed submit') end
  if task and not (type(task[1]) == 'string' and type(task[2]) == 'string' and type(task[3]) == 'string') then
    error('a malformed task')
  end
  check_links(links)
end

-- HDEL is not the first write: behind one that frees memory Redis would not refuse the script where it has none left.
local function set_options(run)
  local flat, gone = {}, {}
  for _, field in ipairs(OPTIONS) do
    local value = options[field]
    if value == nil then gone[#gone + 1] = field
    else flat[#flat + 1], flat[#flat + 2] = field, value end
  end
  if #flat > 0 then call('HSET', P .. 'job:' .. run, unpack(flat)) end
  if #gone > 0 then call('HDEL', P .. 'job:' .. run, unpack(gone)) end
end

-- Further submits to an open run add hosts to the scope's anchors and leave the master's note as it is.
local function change_options(run)
  local anchors, meta = unpack(call('HMGET', P .. 'job:' .. run, 'anchors', 'meta'))
  local merged, n = anchors or '', select(2, string.gsub(anchors or '', '%S+', ''))
  for host in string.gmatch(options.anchors or '', '%S+') do
    if n < 64 and not string.find(' ' .. merged .. ' ', ' ' .. host .. ' ', 1, true) then
      merged, n = merged == '' and host or merged .. ' ' .. host, n + 1
    end
  end
  options.anchors = merged
  if meta and meta ~= '' then options.meta = meta end
  set_options(run)
end

local function inherit_options(before)
  local values = call('HMGET', P .. 'job:' .. before, unpack(OPTIONS))
  for i, field in ipairs(OPTIONS) do options[field] = values[i] or nil end
end

-- The time at which what the run has queued ends; that of a run that is opened again begins anew.
local function deadline_of(run, max_time)
  if int(max_time) == 0 or name == 'default' then return nil end
  call('ZADD', P .. 'deadlines', str(now + max_time), run)
  return str(now + max_time)
end

local last_run

local function open_run(before)
  last_run = math.max(now, (last_run or int(call('HGET', P .. 'meta', 'run'))) + 1)
  local run = str(last_run)
  if before and not given then inherit_options(before) end
  call('HSET', P .. 'jobs', name, run)
  options.name, options.state, options.sealed, options.opened = name, 'running', '0', str(now)
  options.deadline = deadline_of(run, options.max_time)
  return new_job(run, options)
end

local function reopen(run)
  call('HSET', P .. 'job:' .. run, 'state', 'running')
  call('HDEL', P .. 'job:' .. run, 'finished')
  call('ZREM', P .. 'finished', run)
  local deadline = deadline_of(run, call('HGET', P .. 'job:' .. run, 'max_time'))
  if deadline then call('HSET', P .. 'job:' .. run, 'deadline', deadline) end
end

local function current_run(run)
  local state = run and call('HGET', P .. 'job:' .. run, 'state')
  if not (state == 'running' or state == 'paused' or state == 'finished' and revive) then
    if state == 'finished' or state == 'cancelled' then call('ZADD', P .. 'finished', str(now), run) end
    return open_run(state and run)
  end
  if state == 'finished' then reopen(run) end
  if given then change_options(run) end
  return job_of(run)
end

local function revive_links(job)
  local again = {}
  for _, link in ipairs(links) do
    local state = seen_state(job, link[1])
    local dead = state and revive[state]
    if dead ~= nil and dead ~= false then
      count(job, 'c:' .. state, -1)
      count(job, dead == 'dead' and 'dead' or 'done', -1)
      count(job, 'seen', -1)
      call('HDEL', seen_key(job.run, bucket_of(job, link[1])), link[1])
      again[#again + 1] = link
      give_chance(link[2])
    end
  end
  return #again
end

-- The answer goes where the newest message says; all else stays as the first one said it. A record is an object of
-- JSON whose last key is "reply".
local function newest_reply(known, record)
  local own, reply = string.match(known, '^(.*),"reply":'), string.match(record, '^.*(,"reply":.*)$')
  return own and reply and own .. reply or known
end

-- Answers whether the task was not waiting for its answer already, and whether its answer goes elsewhere now.
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
  if job.fields then
    job.fields[field] = task[1]
    return
  end
  local names = call('HGET', P .. 'job:' .. job.run, field) or ''
  if not string.find(' ' .. names .. ' ', ' ' .. task[1] .. ' ', 1, true) then
    call('HSET', P .. 'job:' .. job.run, field, names == '' and task[1] or names .. ' ' .. task[1])
  end
end

local function add_master(job)
  add_name(job, 'masters')
  if task[5] then add_name(job, 'told') end
end

local function set_sealed(job)
  job.sealed = 1
  if job.fields then job.fields.sealed = '1' else call('HSET', P .. 'job:' .. job.run, 'sealed', '1') end
end

-- The job's run, if that has taken the task in before.
local function known_run(run)
  local state, sealed = unpack(run and call('HMGET', P .. 'job:' .. run, 'state', 'sealed') or {})
  local ended = state == 'finished' or state == 'cancelled'
  if not (state and (sealed == '1' or ended or state == 'cancelling')) then return nil end
  local new, moved = await_answer(run)
  if new then add_master({run = run}) end
  if ended and (new or moved) then owe_answer(run, task[1], name, state) end
  return run
end

local function admit(request)
  check_request(request)
  local run = call('HGET', P .. 'jobs', name)
  local known = task and task[4] and known_run(run)
  if known then return {known, 0, 0} end
  local job = current_run(run)
  if task and await_answer(job.run) then add_master(job) end
  if seal and name ~= 'default' then set_sealed(job) end
  local revived = revive and revive_links(job) or 0
  local added = add_links(job, links)
  if claim then
    for i = 2, #claim do call('LREM', P .. 'taking:' .. claim[1], 1, claim[i]) end
  end
  flush_jobs()
  return {job.run, added, revived, overfull}
end

-- Idle workers are told where nothing could be leased before. Who may not publish has workers that look now and then.
local head = call('ZRANGE', P .. 'hosts', 0, 0, 'WITHSCORES')[2]
local idle, changed = not head or tonumber(head) > now, 0

local answers = {}
for i, request in ipairs(cmsgpack.unpack(ARGV[2])) do
  local done, answer = pcall(admit, request)
  if done then changed = changed + answer[2] + answer[3] end
  answers[i] = done and answer or (type(answer) == 'table' and answer.err or tostring(answer))
  jobs, overfull = {}, {}
end
if last_run then call('HSET', P .. 'meta', 'run', str(last_run)) end
if idle and changed > 0 then redis.pcall('PUBLISH', P .. 'wake', '') end
return answers
