-- Claims start URLs for a worker, from whatever scrapy-redis keeps them in: a list, a set, or a sorted set, highest
-- score first. What workers that are gone had claimed comes before that.
--
-- KEYS[1] start URLs; ARGV[2] msgpack: {worker, most}
-- Answer: all that the worker has claimed and not settled, the first one last

local worker, most = unpack(cmsgpack.unpack(ARGV[2]))
local taking, unclaimed = P .. 'taking:' .. worker, P .. 'unclaimed'

local take = {
  none = function() return {} end,
  list = function(wanted) return call('RPOP', KEYS[1], wanted) end,
  set = function(wanted) return call('SPOP', KEYS[1], wanted) end,
  zset = function(wanted)
    local members = {}
    for i, value in ipairs(call('ZPOPMAX', KEYS[1], wanted)) do
      if i % 2 == 1 then members[#members + 1] = value end
    end
    return members
  end,
}

local kind = call('TYPE', KEYS[1]).ok
if not take[kind] then
  return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is a ' .. kind .. ', not a list, a set or a sorted set')
end
local room = most - call('LLEN', taking)
if room > 0 then
  local again = call('RPOP', unclaimed, room) or {}
  for i = #again, 1, -1 do call('RPUSH', taking, again[i]) end
  room = room - #again
end
if room > 0 then
  for _, raw in ipairs(take[kind](room)) do call('LPUSH', taking, raw) end
end
return call('LRANGE', taking, -most, -1)
