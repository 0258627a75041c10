-- Admits links to a job, opening the job or its next run where there is none that takes them.
--
-- ARGV[2] msgpack: {name, options, given, seal, links, revive, claim, task}
--   options map; unless they were given, a next run takes over those of the run before, and an open run keeps its own
--   links   {fp, host id, host name, kind, priority, depth, payload}, …
--   revive  class codes whose URLs are queued again, '' for none: {code -> whether it counts as dead} as a map;
--           their hosts are asked again, also those that were given up
--   claim   {worker, raw message, …}: start URLs that this call settles, or false
--   task    {transport, key, record, once, events}: the master's message, to be answered when the run has ended, or false;
--           once: a run of that name that is sealed or has ended has taken it in before, and nothing changes; events:
--           whether the transport tells of each document
-- Answer: {run, added, revived}

local request = cmsgpack.unpack(ARGV[2])
local name, options, given, seal, links, revive, claim, task = unpack(request, 1, 8)
if type(name) ~= 'string' or type(options) ~= 'table' then error('a malformed submit') end
if task and not (type(task[1]) == 'string' and type(task[2]) == 'string' and type(task[3]) == 'string') then
  error('a malformed task')
end
check_links(links)

local function set_options(run)
  local flat = {}
  for field, value in pairs(options) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  call('HSET', P .. 'job:' .. run, unpack(flat))
end

-- Further submits to an open run add hosts to the scope's anchors and leave the master's note as it is. A run that may
-- not ask all addresses stays so.
local function change_options(run)
  local anchors, meta, targets = unpack(call('HMGET', P .. 'job:' .. run, 'anchors', 'meta', 'targets'))
  local merged, n = anchors or '', select(2, string.gsub(anchors or '', '%S+', ''))
  for host in string.gmatch(options.anchors or '', '%S+') do
    if n < 64 and not string.find(' ' .. merged .. ' ', ' ' .. host .. ' ', 1, true) then
      merged, n = merged == '' and host or merged .. ' ' .. host, n + 1
    end
  end
  options.anchors = merged
  if meta and meta ~= '' then options.meta = meta end
  if targets and options.targets == '' then options.targets = targets end
  set_options(run)
end

local function inherit_options(before)
  for field in pairs(options) do
    options[field] = call('HGET', P .. 'job:' .. before, field) or options[field]
  end
end

local function open_run(before)
  local run = str(math.max(now, int(call('HGET', P .. 'meta', 'run')) + 1))
  if before and not given then inherit_options(before) end
  set_options(run)
  call('HSET', P .. 'meta', 'run', run)
  call('HSET', P .. 'jobs', name, run)
  call('HSET', P .. 'job:' .. run, 'name', name, 'state', 'running', 'sealed', '0', 'opened', str(now))
  return run
end

local function reopen(run)
  call('HSET', P .. 'job:' .. run, 'state', 'running')
  call('HDEL', P .. 'job:' .. run, 'finished')
  call('ZREM', P .. 'finished', run)
end

local function current_run()
  local run = call('HGET', P .. 'jobs', name)
  local state = run and call('HGET', P .. 'job:' .. run, 'state')
  if not (state == 'running' or state == 'paused' or state == 'finished' and revive) then
    if state == 'finished' or state == 'cancelled' then call('ZADD', P .. 'finished', str(now), run) end
    return open_run(state and run)
  end
  if state == 'finished' then reopen(run) end
  if given then change_options(run) end
  return run
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

local function add_name(run, field, name)
  local names = call('HGET', P .. 'job:' .. run, field) or ''
  if not string.find(' ' .. names .. ' ', ' ' .. name .. ' ', 1, true) then
    call('HSET', P .. 'job:' .. run, field, names == '' and name or names .. ' ' .. name)
  end
end

-- Answers whether the task was not waiting for its answer already.
local function await_answer(run)
  local transport, key, record = unpack(task, 1, 3)
  if call('HSETNX', P .. 'tasks:' .. run .. ':' .. transport, key, record) == 0 then return false end
  call('SADD', P .. 'unanswered', run .. ':' .. transport)
  add_name(run, 'masters', transport)
  if task[5] then add_name(run, 'told', transport) end
  return true
end

if task and task[4] then
  local known = call('HGET', P .. 'jobs', name)
  local state, sealed = unpack(known and call('HMGET', P .. 'job:' .. known, 'state', 'sealed') or {})
  local ended = state == 'finished' or state == 'cancelled'
  if state and (sealed == '1' or ended or state == 'cancelling') then
    if await_answer(known) and ended then owe_answer(known, task[1], name, state) end
    return {known, 0, 0}
  end
end

local run = current_run()
if task then await_answer(run) end
if seal and name ~= 'default' then call('HSET', P .. 'job:' .. run, 'sealed', '1') end

local job = job_of(run)
local revived = revive and revive_links(job) or 0
local added = add_links(job, links)
if claim then
  for i = 2, #claim do call('LREM', P .. 'taking:' .. claim[1], 1, claim[i]) end
end
flush_jobs()
return {run, added, revived}
