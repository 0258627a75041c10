-- Moves a part of a key of the first format to its key in this format. Only keys, jobs and seen are put before it.
--
-- ARGV[1] msgpack: {kind, from, to, {item, …}}
--   seen  to: the run; items: fingerprints of a bucket, each of which goes to its present bucket
--   zset  items: {member, member in this format}
--   hash  items: {field, value in this format}

local kind, from, to, items = unpack(cmsgpack.unpack(ARGV[1]), 1, 4)

local move = {
  zset = function(item)
    local score = call('ZSCORE', from, item[1])
    if not score then return end
    call('ZADD', to, score, item[2])
    call('ZREM', from, item[1])
  end,
  hash = function(item)
    if call('HEXISTS', from, item[1]) == 0 then return end
    call('HSET', to, item[1], item[2])
    call('HDEL', from, item[1])
  end,
}

if kind == 'seen' then
  local job = job_of(to)
  local splits = plan_splits(job, 0)
  if splits then split_buckets(job, splits, {}, {}) end
  move.seen = function(fp)
    local state = call('HGET', from, fp)
    if not state then return end
    set_seen_state(job, fp, state)
    call('HDEL', from, fp)
  end
end

for _, item in ipairs(items) do move[kind](item) end
return call('EXISTS', from)
