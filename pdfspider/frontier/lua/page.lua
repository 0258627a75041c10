-- Counts a lease that was granted for a document as a page, if the job may have one more page.
--
-- ARGV[2] msgpack: {worker, token}
-- Answer: 1 if it may, 0 if not, -1 if fenced.

local worker, token = unpack(cmsgpack.unpack(ARGV[2]), 1, 2)
if not is_worker(worker) or type(token) ~= 'string' then error('a malformed page', 0) end
local lease = take_lease(worker, token)
if not lease or not lease.member then return -1 end
local job = job_of(lease.run)
if not job or is_of_page(lease) then return 1 end
if job.max_pages > 0 and job['c:p'] + job.leased_pages >= job.max_pages then return 0 end
lease.page = true
call('HSET', P .. 'worker:' .. worker, token, cmsgpack.pack(lease))
count(job, 'leased_pages', 1)
flush_jobs()
return 1
