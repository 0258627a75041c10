-- Queues.

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
  call('ZADD', P .. 'q:' .. hid .. ':' .. job.run, score, member)
  count(job, score >= DELAYED and 'delayed' or 'queued', 1)
  attach(place, job)
end
