-- Links that are admitted to a run: host id, host name, number of links, then member and rank of each; and so on for the
-- next host. It is one list, because each table costs as much as a command. Clients make the members of the queues, and
-- ranks without the order of submission.

local MOST_LINKS, MOST_LINK_BYTES, SEQ = 1000, 2 ^ 20, 2 ^ 34

local function is_link(member, rank)
  return type(member) == 'string' and #member > HEADER + 3 and #member <= MOST_LINK_BYTES
    and string.find(member, '^........[dp]%-%z%z%z') and type(rank) == 'number' and rank >= 0 and rank < 2 * PAGES
    and rank % SEQ == 0 and (rank >= PAGES) == (string.byte(member, 9) == 112)
end

-- Raises an error for links that make no sense; a script does so before it writes anything.
local function check_links(links)
  if type(links) ~= 'table' then error('malformed links', 0) end
  local i, last, left = 1, #links, MOST_LINKS
  while i <= last do
    local hid, name, n = links[i], links[i + 1], links[i + 2]
    if not (type(hid) == 'string' and #hid == 16 and string.find(hid, '^%x+$') and type(name) == 'string' and #name <= 255
      and is_number(n, 1, left) and n % 1 == 0) then error('malformed links', 0) end
    for g = i + 3, i + 1 + 2 * n, 2 do
      if not is_link(links[g], links[g + 1]) then error('a malformed link', 0) end
    end
    i, left = i + 3 + 2 * n, left - n
  end
end

local function number_of(links)
  local i, last, n = 1, #links, 0
  while i <= last do i, n = i + 3 + 2 * links[i + 2], n + links[i + 2] end
  return n
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
  local size, split, sub = 2 ^ job.level, job.split, string.sub
  local fps, hashes, keys, n = plan.fps, plan.hashes, plan.keys, 0
  local from, last = 1, #links
  while from <= last do
    local hid, to = links[from], from + 1 + 2 * links[from + 2]
    local waiting = plan.waiting[hid] or {}
    local w = #waiting
    for g = from + 3, to, 2 do
      local member = links[g]
      local fp = sub(member, 1, 8)
      local hash = hash_of(fp)
      local i = hash % size
      if i < split then i = hash % (2 * size) end
      local key = prefix .. i
      if not revive and call('HSETNX', key, fp, '.') == 1 or revive and admit_again(plan, key, fp) then
        n = n + 1
        fps[n], hashes[n], keys[n] = fp, hash, key
        waiting[w + 1], waiting[w + 2] = links[g + 1] + (seq + n) % SEQ, member
        w = w + 2
      end
    end
    if w > 0 then plan.waiting[hid], plan.names[hid] = waiting, links[from + 1] end
    from = to + 2
  end
end

-- The hosts of a plan that need nothing but their links: the run takes part in their turns, and they wait for nothing.
local function settled_hosts(job, plan)
  local hids, settled = {}, {}
  for hid in pairs(plan.waiting) do hids[#hids + 1] = hid end
  if #hids == 0 then return settled end
  local known = call('SMISMEMBER', P .. 'job:' .. job.run .. ':hosts', unpack(hids))
  local starts = call('ZMSCORE', P .. 'hosts', unpack(hids))
  for i, hid in ipairs(hids) do
    plan.known[hid] = known[i] == 1
    settled[hid] = job.state == 'running' and known[i] == 1 and starts[i] and tonumber(starts[i]) % UNREACHED <= now
  end
  return settled
end

local function queue_links(job, plan)
  local settled = settled_hosts(job, plan)
  for hid, waiting in pairs(plan.waiting) do
    if not settled[hid] then plan.places[hid] = queue_place(hid, job, nil, plan.known[hid]) end
    call_with('ZADD', P .. 'q:' .. hid .. ':' .. job.run, waiting)
    plan.queued[hid] = true
  end
end

local function take_back(job, plan)
  for hid in pairs(plan.queued) do
    local waiting = plan.waiting[hid]
    for i = 2, #waiting, 2 do call('ZREM', P .. 'q:' .. hid .. ':' .. job.run, waiting[i]) end
  end
  for i, fp in ipairs(plan.fps) do call('HDEL', plan.keys[i], fp) end
  for _, revived in ipairs(plan.revived) do call('HSET', unpack(revived)) end
end

-- Puts links that a run has not seen, or that are to be revived (a map of class codes), into its queues; add_links does
-- the rest. Where it raises an error nothing has changed.
local function plan_links(job, links, revive)
  local number = number_of(links)
  local plan = {revive = revive, splits = plan_splits(job, number), fps = {}, hashes = {}, keys = {}, revived = {},
    waiting = {}, names = {}, known = {}, places = {}, queued = {}}
  if job.queued + number > QUEUE_MAX then expect('set', P .. 'overfull') end
  if plan.splits and plan.splits.level then job.level = plan.splits.level end
  local done, failure = pcall(admit_links, job, links, plan)
  if done then done, failure = pcall(queue_links, job, plan) end
  if done then return plan end
  if plan.splits and plan.splits.level then job.level = 0 end
  take_back(job, plan)
  error(failure, 0)
end

-- Opens the hosts of a plan where that is needed.
local function open_hosts(job, plan)
  local hids = {}
  for hid, place in pairs(plan.places) do
    if not place.known and not place.attached then
      hids[#hids + 1], place.known = hid, true
    end
    if attach(place, job, plan.names[hid]) then
      note_due(hid, place.host)
    end
  end
  call_with('SADD', P .. 'job:' .. job.run .. ':hosts', hids)
  flush_starts('LT')
end

-- Counts the links of a plan and opens their hosts; returns how many there are.
local function add_links(job, plan)
  local added = #plan.fps
  if plan.splits then split_buckets(job, plan.splits, plan.fps, plan.hashes) end
  if added == 0 then return 0 end
  count(job, 'queued', added)
  count(job, 'seq', added)
  count(job, 'seen', added - #plan.revived)
  open_hosts(job, plan)
  if job.queued > QUEUE_MAX then
    for hid, waiting in pairs(plan.waiting) do
      local place = plan.places[hid]
      if not (place and place.new) or #waiting > 2 * QUEUE_MAX then note_overfull(hid, job) end
    end
  end
  return added
end
