-- Queues.

local function rank(kind, priority, depth, seq)
  local base = kind == 'p' and PAGES or 0
  return base + (127 - priority) * 2 ^ 42 + math.min(depth, 255) * 2 ^ 34 + seq % 2 ^ 34
end

local function enqueue(job, hid, member, score)
  call('ZADD', P .. 'q:' .. hid .. ':' .. job.run, str(score), member)
  count(job, score >= DELAYED and 'delayed' or 'queued', 1)
  attach(hid, job)
end

-- Raises an error for links that make no sense; a script does so before it writes anything.
local function check_links(links)
  for _, link in ipairs(links) do
    local fp, hid, name, kind, priority, depth, payload = unpack(link, 1, 7)
    if not (type(fp) == 'string' and #fp == 8 and type(hid) == 'string' and #hid == 16 and type(name) == 'string'
      and (kind == 'd' or kind == 'p') and type(payload) == 'string' and type(depth) == 'number' and depth >= 0
      and type(priority) == 'number' and priority >= -128 and priority <= 127) then error('a malformed link') end
  end
end

-- Adds links {fp, host id, host name, kind, priority, depth, payload} to a run; returns how many were new.
local function add_links(job, links)
  local hosts, added, seq = {}, 0, job.seq
  for _, link in ipairs(links) do
    if seen_add(job, link[1]) then
      added = added + 1
      local hid = link[2]
      local member = link[1] .. link[4] .. '-\0\0' .. link[7]
      call('ZADD', P .. 'q:' .. hid .. ':' .. job.run, str(rank(link[4], link[5], link[6], seq + added)), member)
      hosts[hid] = link[3]
    end
  end
  if added > 0 then
    count(job, 'queued', added)
    count(job, 'seq', added)
    for hid, name in pairs(hosts) do
      local host = attach(hid, job, name)
      if host then schedule_host(hid, host) end
      note_overfull(hid, job)
    end
  end
  return added
end
