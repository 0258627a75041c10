-- Queues.

local function rank(kind, priority, depth, seq)
  local base = kind == 'p' and PAGES or 0
  return base + (127 - priority) * 2 ^ 42 + math.min(depth, 255) * 2 ^ 34 + seq % 2 ^ 34
end

-- Raises an error where a key is of another type than it should be that is written to where a member that is leased, or
-- set apart, goes back to its queue or is cancelled. The keys of its host: see host_in_flight.
local function expect_queue(job, lease)
  expect('zset', P .. 'host:' .. lease.hid .. ':jobs')
  expect('set', P .. 'job:' .. job.run .. ':hosts')
  if job.state == 'cancelling' then seen_state(job, string.sub(lease.member, 1, 8))
  else expect('zset', P .. 'q:' .. lease.hid .. ':' .. job.run) end
  if job.state == 'paused' then expect('set', P .. 'job:' .. job.run .. ':parked') end
end

-- place: as queue_place gives it, if that is known
local function enqueue(job, hid, member, score, place)
  place = place or queue_place(hid, job)
  call('ZADD', P .. 'q:' .. hid .. ':' .. job.run, str(score), member)
  count(job, score >= DELAYED and 'delayed' or 'queued', 1)
  attach(place, job)
end

local MOST_LINKS, MOST_LINK_BYTES, DEEPEST = 1000, 2 ^ 20, 2 ^ 52

-- Raises an error for links that make no sense; a script does so before it writes anything.
local function check_links(links)
  if type(links) ~= 'table' or #links > MOST_LINKS then error('malformed links', 0) end
  local known -- host id that has been found to be one
  for _, link in ipairs(links) do
    if type(link) ~= 'table' then error('a malformed link', 0) end
    local fp, hid, name, kind, priority, depth, payload = unpack(link, 1, 7)
    if not (type(fp) == 'string' and #fp == 8 and type(hid) == 'string' 
      and (hid == known or #hid == 16 and string.find(hid, '^%x+$'))
      and type(name) == 'string' and #name <= 255 and (kind == 'd' or kind == 'p')
      and type(payload) == 'string' and #payload > 3 and #payload <= MOST_LINK_BYTES
      and type(depth) == 'number' and depth >= 0 and depth <= DEEPEST
      and type(priority) == 'number' and priority >= -128 and priority <= 127) then error('a malformed link', 0) end
    known = hid
  end
end

-- Adding links: first what may fail, which is taken back where it does; then the rest.

-- Whether a link is to be queued where URLs are revived: it is new, or has ended in one of their classes.
local function admit_again(plan, key, fp)
  local state = call('HGET', key, fp)
  if state and not plan.revive[state] then return false end
  call('HSET', key, fp, '.')
  if state then plan.revived[#plan.revived + 1] = {key, fp, state} end
  return true
end

-- The key of the bucket is made here and not by seen_key: this is done for every link.
local function admit_links(job, links, plan)
  local seq, revive, prefix = job.seq, plan.revive, P .. 'seen:' .. job.run .. ':'
  local size, split = 2 ^ job.level, job.split
  local admitted, hashes, keys, waiting_at, n = plan.links, plan.hashes, plan.keys, plan.waiting, 0
  for _, link in ipairs(links) do
    local fp, hid = link[1], link[2]
    local hash = hash_of(fp)
    local i = hash % size
    if i < split then i = hash % (2 * size) end
    local key = prefix .. i
    if not revive and call('HSETNX', key, fp, '.') == 1 or revive and admit_again(plan, key, fp) then
      n = n + 1
      admitted[n], hashes[n], keys[n] = link, hash, key
      local waiting = waiting_at[hid]
      if not waiting then
        waiting = {}
        waiting_at[hid] = waiting
      end
      local w = #waiting
      waiting[w + 1] = str(rank(link[4], link[5], link[6], seq + n))
      waiting[w + 2] = fp .. link[4] .. '-\0\0\0' .. link[7]
    end
  end
end

local function queue_links(job, plan)
  for hid, waiting in pairs(plan.waiting) do
    plan.places[hid] = queue_place(hid, job)
    call_with('ZADD', P .. 'q:' .. hid .. ':' .. job.run, waiting)
    plan.queued[hid] = true
  end
end

local function take_back(job, plan)
  for hid in pairs(plan.queued) do
    local waiting = plan.waiting[hid]
    for i = 2, #waiting, 2 do call('ZREM', P .. 'q:' .. hid .. ':' .. job.run, waiting[i]) end
  end
  for i, link in ipairs(plan.links) do call('HDEL', plan.keys[i], link[1]) end
  for _, revived in ipairs(plan.revived) do call('HSET', unpack(revived)) end
end

-- Puts links {fp, host id, host name, kind, priority, depth, payload} that a run has not seen, or that are to be revived
-- (a map of class codes), into its queues; add_links does the rest. Where it raises an error nothing has changed.
local function plan_links(job, links, revive)
  local plan = {revive = revive, splits = plan_splits(job, links), links = {}, hashes = {}, keys = {}, revived = {}, waiting = {},
    places = {}, queued = {}}
  if job.queued + #links > QUEUE_MAX then expect('set', P .. 'overfull') end
  if plan.splits and plan.splits.level then job.level = plan.splits.level end
  local done, failure = pcall(admit_links, job, links, plan)
  if done then done, failure = pcall(queue_links, job, plan) end
  if done then return plan end
  if plan.splits and plan.splits.level then job.level = 0 end
  take_back(job, plan)
  error(failure, 0)
end

-- Counts the links of a plan and opens their hosts; returns how many there are.
local function add_links(job, plan)
  local added = #plan.links
  if plan.splits then split_buckets(job, plan.splits, plan.links, plan.hashes) end
  if added == 0 then return 0 end
  count(job, 'queued', added)
  count(job, 'seq', added)
  count(job, 'seen', added - #plan.revived)
  local names = {}
  for _, link in ipairs(plan.links) do names[link[2]] = link[3] end
  for hid, place in pairs(plan.places) do
    if attach(place, job, names[hid]) then schedule_host(hid, place.host, nil, false, place.in_flight) end
    note_overfull(hid, job)
  end
  return added
end
