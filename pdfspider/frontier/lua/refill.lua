-- Replaces a block by its members; members of a cancelled run are dropped.
--
-- ARGV[2] msgpack: {host id, run, block id, {score, member, …}}; scores are text
-- Answer: 1, or 0 if another call has done so.

local CHUNK = 256
local hid, run, id, flat = unpack(cmsgpack.unpack(ARGV[2]), 1, 4)
if not (type(hid) == 'string' and #hid == 16 and type(run) == 'string' and type(id) == 'string'
  and type(flat) == 'table') then error('a malformed block') end

local job, key = job_of(run), P .. 'q:' .. hid .. ':' .. run
if not job or not call('ZSCORE', overflow_key(hid, run), id) then return 0 end
local number, digest = string.match(id, '^(%d+):(%x+)$')
number = tonumber(number)
if number ~= #flat / 2 then error('a block that has not the members that it is known by') end
local entries = {}
for i = 1, #flat, 2 do
  if not (type(flat[i]) == 'string' and tonumber(flat[i]) and tonumber(flat[i]) < DELAYED
    and type(flat[i + 1]) == 'string' and #flat[i + 1] > HEADER) then error('a malformed member') end
  entries[i], entries[i + 1] = flat[i + 1], flat[i]
end
if digest_of(entries, #entries) ~= digest then error('a block that has not the members that it is known by') end

call('ZREM', overflow_key(hid, run), id)
call('HDEL', blocks_key(hid, run), id)
count(job, 'spilled', -number)
if job.state == 'cancelling' then
  count(job, 'queued', -number)
  for i = 2, #flat, 2 do cancel_member(job, flat[i]) end
  if not has_queue(hid, job) then detach(hid, run) end
else
  for i = 1, #flat, 2 * CHUNK do call('ZADD', key, unpack(flat, i, math.min(i + 2 * CHUNK - 1, #flat))) end
  note_overfull(hid, job)
end
schedule(hid)
flush_jobs()
totals.flush()
return 1
