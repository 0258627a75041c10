-- Claims start URLs for a worker from a list, a set, or a sorted set (highest score first), as scrapy-redis allows.
-- Start URLs that dead workers had claimed come first.
--
-- KEYS[1] start URLs; ARGV[2] msgpack: {worker, most}
-- Answer: all start URLs that the worker has claimed and not settled, the first one last

local worker, most = unpack(cmsgpack.unpack(ARGV[2]), 1, 2)
if not is_worker(worker) or not is_number(most, 1, 5000) then error('a malformed claim', 0) end
local LEAST = 30000 -- ms until a worker that is not known is given up
local taking, unclaimed = P .. 'taking:' .. worker, P .. 'unclaimed'

-- Each function copies some entries of a key to the claim, then removes them from the key.
local take = {
  none = function() end,
  list = function(key, wanted)
    local found = call('LRANGE', key, -wanted, -1)
    for i = #found, 1, -1 do call('LPUSH', taking, found[i]) end
    if #found > 0 then call('RPOP', key, #found) end
  end,
  set = function(key, wanted)
    for _, raw in ipairs(call('SRANDMEMBER', key, wanted)) do
      call('LPUSH', taking, raw)
      call('SREM', key, raw)
    end
  end,
  zset = function(key, wanted)
    for _, raw in ipairs(call('ZREVRANGE', key, 0, wanted - 1)) do
      call('LPUSH', taking, raw)
      call('ZREM', key, raw)
    end
  end,
}

local kind = call('TYPE', KEYS[1]).ok
if not take[kind] then
  return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is a ' .. kind .. ', not a list, a set or a sorted set')
end
local room = most - call('LLEN', taking)
expect('list', unclaimed)
expect('zset', P .. 'workers')
if room > 0 then
  local again = call('LRANGE', unclaimed, -room, -1)
  for _, raw in ipairs(again) do call('RPUSH', taking, raw) end
  if #again > 0 then call('RPOP', unclaimed, #again) end
  room = room - #again
end
if room > 0 then take[kind](KEYS[1], room) end
local claimed = call('LRANGE', taking, -most, -1)
-- A worker that was stopped for long may be unknown by now. It is made known, so that its claims go to others if it dies.
if claimed[1] then call('ZADD', P .. 'workers', 'NX', str(now + math.max(lease_period, LEAST)), worker) end
return claimed
