-- Seen fingerprints: linear hashing over small hashes, so that no bucket ever outgrows the compact encoding
-- (512 entries) and no single call has more than a few buckets to split. Which bucket a fingerprint is in depends on the
-- frontier's secret: nobody can choose URLs that fill one bucket.

local BUCKET, MOST_BUCKETS, MOST_SPLITS = 96, 2 ^ 23, 16
local PRIME = 2 ^ 31 - 1

-- A sum of the fingerprint's bytes with secret weights, modulo a prime (universal hashing): for any set of fingerprints
-- that was chosen without the secret, two share a bucket as rarely as by chance. Half the cost of a bucket by SHA-1.
local w1, w2, w3, w4, w5, w6, w7, w8

local function read_weights()
  local weights = {}
  for i = 1, 8 do weights[i] = tonumber(string.sub(secret, 8 * i - 7, 8 * i), 16) % PRIME end
  w1, w2, w3, w4, w5, w6, w7, w8 = unpack(weights)
end

local function hash_of(fp)
  if not w1 then read_weights() end
  local a, b, c, d, e, f, g, h = string.byte(fp, 1, 8)
  return (a * w1 + b * w2 + c * w3 + d * w4 + e * w5 + f * w6 + g * w7 + h * w8) % PRIME
end

local function bucket_of(job, hash)
  local i = hash % 2 ^ job.level
  if i < job.split then i = hash % 2 ^ (job.level + 1) end
  return i
end

local function seen_key(run, i) return P .. 'seen:' .. run .. ':' .. str(i) end

local function buckets_of(job) return 2 ^ job.level + job.split end

local function seen_state(job, fp) return call('HGET', seen_key(job.run, bucket_of(job, hash_of(fp))), fp) end

local function set_seen_state(job, fp, code)
  call('HSET', seen_key(job.run, bucket_of(job, hash_of(fp))), fp, code)
end

-- Reads the buckets that are to be split by now, before links are added. nil where there are none. A run that has seen
-- nothing begins with as many buckets as these links need.
local function plan_splits(job, number)
  if job.seen == 0 and number > BUCKET then return {level = math.ceil(math.log(number / BUCKET) / math.log(2)), buckets = {}} end
  local buckets = buckets_of(job)
  local wanted = math.min(math.ceil(job.seen / BUCKET), MOST_BUCKETS) - buckets
  if wanted <= 0 then return nil end
  local plan, low = {buckets = {}}, job.split
  for i = 1, math.min(wanted, MOST_SPLITS, 2 ^ job.level) do -- so none of them is split twice
    plan[i], plan.buckets[low] = low, call('HGETALL', seen_key(job.run, low))
    expect('hash', seen_key(job.run, buckets + i - 1))
    low = (low + 1) % 2 ^ job.level
  end
  return plan
end

local function split_bucket(job, low, entries)
  local modulus = 2 ^ (job.level + 1)
  local high = low + 2 ^ job.level
  local moved, gone, n = {}, {}, 0
  for i = 1, #entries, 2 do
    local fp = entries[i]
    if hash_of(fp) % modulus == high then
      n = n + 1
      gone[n], moved[2 * n - 1], moved[2 * n] = fp, fp, entries[i + 1]
    end
  end
  call_with('HSET', seen_key(job.run, high), moved)
  call_with('HDEL', seen_key(job.run, low), gone)
  job.split = job.split + 1
  if job.split == 2 ^ job.level then job.level, job.split = job.level + 1, 0 end
end

-- Splits what was planned; fps are those that were added since, with their hashes.
local function split_buckets(job, plan, fps, hashes)
  for i, fp in ipairs(fps) do
    local entries = plan.buckets[bucket_of(job, hashes[i])]
    if entries then entries[#entries + 1], entries[#entries + 2] = fp, '.' end
  end
  for _, low in ipairs(plan) do split_bucket(job, low, plan.buckets[low]) end
  if job.fields then job.fields.level, job.fields.split = job.level, job.split
  else call('HSET', P .. 'job:' .. job.run, 'level', str(job.level), 'split', str(job.split)) end
end
