-- Adds jobs to the lists of jobs or removes them, by their state. No shared file is put before this script.
--
-- ARGV: names of jobs

local P = '{pdfs}:'
local ENDED = {finished = true, cancelled = true}

for _, list in ipairs({'recent', 'open'}) do
  local kind = redis.call('TYPE', P .. list).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', P .. list) end
end
for _, name in ipairs(ARGV) do
  local run = redis.call('HGET', P .. 'jobs', name)
  local state = run and redis.call('HGET', P .. 'job:' .. run, 'state')
  if state then redis.call('ZADD', P .. 'recent', run, name) else redis.call('ZREM', P .. 'recent', name) end
  if state and not ENDED[state] then redis.call('ZADD', P .. 'open', run, name)
  else redis.call('ZREM', P .. 'open', name) end
end
return #ARGV
