-- Replaces the members in a range of a queue's scores by a block, if these are exactly the members in the block.
--
-- ARGV[2] msgpack: {host id, run, least score, most score, number of members, digest, block}
-- Answer: 1, or 0 if the queue has changed or is short enough by now.

local MOST = 512
local hid, run, least, most, number, digest, block = unpack(cmsgpack.unpack(ARGV[2]), 1, 7)
if not (type(hid) == 'string' and #hid == 16 and type(run) == 'string' and type(least) == 'string'
  and type(most) == 'string' and type(number) == 'number' and number >= 1 and number <= MOST
  and tonumber(least) and tonumber(most) and tonumber(most) < DELAYED and type(digest) == 'string' and #digest == 40
  and type(block) == 'string') then error('a malformed block') end

local job, key = job_of(run), P .. 'q:' .. hid .. ':' .. run
if not job or job.state == 'cancelling' then return 0 end
local entries = call('ZRANGEBYSCORE', key, least, most, 'WITHSCORES', 'LIMIT', 0, number + 1)
if #entries ~= 2 * number or digest_of(entries, #entries) ~= digest then return 0 end
local id = str(number) .. ':' .. digest
call('HSET', blocks_key(hid, run), id, block)
call('ZADD', overflow_key(hid, run), least, id)
call('ZREMRANGEBYSCORE', key, least, most)
count(job, 'spilled', number)
flush_jobs()
return 1
