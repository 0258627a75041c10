-- Seen fingerprints: linear hashing over small hashes, so that no bucket ever outgrows the compact encoding
-- (512 entries) and no single call has more than a few buckets to split.

local BUCKET = 96

local function bucket_of(job, fp)
  local a, b, c = string.byte(fp, 1, 3)
  local h = a + b * 256 + c * 65536
  local i = h % 2 ^ job.level
  if i < job.split then i = h % 2 ^ (job.level + 1) end
  return i
end

local function seen_key(run, i) return P .. 'seen:' .. run .. ':' .. str(i) end

local function buckets_of(job) return 2 ^ job.level + job.split end

local function split_bucket(job)
  local low, high = job.split, job.split + 2 ^ job.level
  local from, to = seen_key(job.run, low), seen_key(job.run, high)
  job.split = job.split + 1
  local entries, moved, gone = call('HGETALL', from), {}, {}
  for i = 1, #entries, 2 do
    if bucket_of(job, entries[i]) == high then
      moved[#moved + 1] = entries[i]
      moved[#moved + 1] = entries[i + 1]
      gone[#gone + 1] = entries[i]
    end
  end
  if #gone > 0 then
    call('HSET', to, unpack(moved))
    call('HDEL', from, unpack(gone))
  end
  if job.split == 2 ^ job.level then job.level, job.split = job.level + 1, 0 end
  call('HSET', P .. 'job:' .. job.run, 'level', str(job.level), 'split', str(job.split))
end

local function seen_add(job, fp)
  if call('HSETNX', seen_key(job.run, bucket_of(job, fp)), fp, '.') == 0 then return false end
  count(job, 'seen', 1)
  if job.seen > BUCKET * buckets_of(job) and buckets_of(job) < 2 ^ 23 then split_bucket(job) end
  return true
end

local function seen_state(job, fp) return call('HGET', seen_key(job.run, bucket_of(job, fp)), fp) end
local function set_seen_state(job, fp, code) call('HSET', seen_key(job.run, bucket_of(job, fp)), fp, code) end
