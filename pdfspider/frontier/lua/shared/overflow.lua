-- Overflow: what a queue holds beyond its cap is kept in compressed blocks. A client reads members from the end of the
-- queue and compresses them, and spill swaps them for the block; refill swaps a block for its members. A member is
-- leased only when no block of its queue holds one that comes before it. What is delayed is never in a block.

local QUEUE_MAX = tonumber(ARGV[3]) or 0
if QUEUE_MAX == 0 then QUEUE_MAX = 2^53 end
local RESERVE = math.floor(QUEUE_MAX / 8) -- with fewer members than this before a block it comes back

local function overflow_key(hid, run) return P .. 'overflow:' .. hid .. ':' .. run end
local function blocks_key(hid, run) return P .. 'blocks:' .. hid .. ':' .. run end

local function has_queue(hid, job)
  return call('EXISTS', P .. 'q:' .. hid .. ':' .. job.run) == 1
    or job.spilled > 0 and call('EXISTS', overflow_key(hid, job.run)) == 1
end

local overfull = {} -- hosts at which this call has found the queue of the run to be over its cap

local function note_overfull(hid, job)
  if job.queued <= QUEUE_MAX or call('ZCARD', P .. 'q:' .. hid .. ':' .. job.run) <= QUEUE_MAX then return end
  call('SADD', P .. 'overfull', hid .. ':' .. job.run)
  overfull[#overfull + 1] = hid
end

-- Blocks that are to come back, as {host id, run, score, score, 1 if the last ones and else 0}: those whose least score is
-- between the two. A call asks for a bounded number.
local REFILLS = 8
local refills = {}

local function ask_refill(hid, run, from, to, last)
  if #refills < REFILLS then refills[#refills + 1] = {hid, run, from, to, last and 1 or 0} end
end

-- Whether a block begins in a range of scores; if so, the first or the last of them are asked for.
local function waits_for_block(job, hid, from, to, last)
  if job.spilled == 0 or call('ZCOUNT', overflow_key(hid, job.run), from, to) == 0 then return false end
  ask_refill(hid, job.run, from, to, last)
  return true
end

-- Asks for blocks of the kind of a member that has just been taken, while some still come before the first of them.
local function prefetch(job, hid, key, score)
  if job.spilled == 0 or score >= DELAYED then return end
  local from, to = '-inf', '(' .. str(PAGES)
  if score >= PAGES then from, to = str(PAGES), '(' .. str(DELAYED) end
  local first = call('ZRANGEBYSCORE', overflow_key(hid, job.run), from, to, 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if first and call('ZCOUNT', key, from, '(' .. first) < RESERVE then ask_refill(hid, job.run, from, to) end
end

-- The SHA-1 of scores and members, by which a client and Redis know that they mean the same.
local function digest_of(entries, length)
  local parts = {}
  for i = 1, length, 2 do
    parts[#parts + 1] = entries[i + 1] .. ' ' .. entries[i]
  end
  return redis.sha1hex(table.concat(parts))
end
