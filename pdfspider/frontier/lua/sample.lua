-- Adds a sample to the histories of open runs. No shared file is put before this script.
--
-- ARGV {how many runs, the least ms between two samples of one}
-- A history is a msgpack array {interval, time, left, ended, documents, time, …}. If it becomes too long, every
-- other sample is dropped and the interval doubles. So it covers the whole run in a bounded space.

local P = '{pdfs}:'
local call = redis.call
local MOST, DAY = 120, 86400000
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function thinned(history)
  local kept = {history[1] * 2}
  for i = 2, #history, 8 do
    for j = i, math.min(i + 3, #history) do kept[#kept + 1] = history[j] end
  end
  return kept
end

local function sample(run)
  local key = P .. 'history:' .. run
  local packed = call('GET', key)
  local history = packed and cmsgpack.unpack(packed) or {tonumber(ARGV[2])}
  if #history > 1 and now - history[#history - 3] < history[1] then return end
  local counts = call('HMGET', P .. 'job:' .. run, 'queued', 'delayed', 'leased', 'done', 'dead', 'c:d', 'retention')
  for i = 1, 7 do counts[i] = tonumber(counts[i] or 0) or 0 end
  local left, ended = counts[1] + counts[2] + counts[3], counts[4] + counts[5]
  if left + ended == 0 then return end
  for _, value in ipairs({now, left, ended, counts[6]}) do history[#history + 1] = value end
  if #history > 4 * MOST then history = thinned(history) end
  call('SET', key, cmsgpack.pack(history), 'PX', string.format('%.0f', counts[7] + DAY))
end

if call('EXISTS', P .. 'open') == 0 then return 0 end
local names = call('ZRANDMEMBER', P .. 'open', ARGV[1])
for _, name in ipairs(names) do
  local run = call('HGET', P .. 'jobs', name)
  if run then sample(run) end
end
return #names
