"""Scripts for the masters' Redis, each of which adds a message to its next place before it removes it."""

from __future__ import annotations

MOVE = """
-- KEYS: moving, tasks, stream; ARGV: most, side
local read = {
  list = function(key) return redis.call('LINDEX', key, ARGV[2] == 'LEFT' and 0 or -1) end,
  set = function(key) return redis.call('SRANDMEMBER', key) end,
  zset = function(key) return redis.call('ZREVRANGE', key, 0, 0)[1] end,
  none = function() return false end,
}
local remove = {
  list = function(key) return redis.pcall(ARGV[2] == 'LEFT' and 'LPOP' or 'RPOP', key) end,
  set = function(key, message) return redis.pcall('SREM', key, message) end,
  zset = function(key, message) return redis.pcall('ZREM', key, message) end,
}
local kinds = {}
for i = 1, 2 do
  kinds[i] = redis.call('TYPE', KEYS[i]).ok
  if not read[kinds[i]] then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kinds[i] .. ', not a list, a set or a sorted set')
  end
end
local kind = redis.call('TYPE', KEYS[3]).ok
if not (kind == 'stream' or kind == 'none') then
  return redis.error_reply('WRONGTYPE ' .. KEYS[3] .. ' is a ' .. kind .. ', not a stream')
end
redis.call('XDEL', KEYS[3], '0-0') -- no entry has this id: this fails where XDEL, needed below, is not allowed
local moved = 0
for i = 1, 2 do
  while moved < tonumber(ARGV[1]) do
    local message = read[kinds[i]](KEYS[i])
    if not message then break end
    local entry = redis.pcall('XADD', KEYS[3], '*', 'message', message)
    local answer = entry
    if not entry.err then
      answer = remove[kinds[i]](KEYS[i], message)
      if type(answer) == 'table' and answer.err then redis.call('XDEL', KEYS[3], entry) end
    end
    if type(answer) == 'table' and answer.err then return moved > 0 and moved or answer end
    moved = moved + 1
  end
end
return moved
"""
"""Moves entries of a list, set or sorted set to the stream, where each has an id and stays until it is acknowledged."""

SET_ASIDE = """
-- KEYS: rejects, stream; ARGV: letter, group, entry
local kind = redis.call('TYPE', KEYS[1]).ok
if not (kind == 'list' or kind == 'none') then
  return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is a ' .. kind .. ', not a list')
end
for _, entry in ipairs({'0-0', ARGV[3]}) do -- no entry is 0-0: what is not allowed fails before the first write
  if entry ~= '0-0' then redis.call('LPUSH', KEYS[1], ARGV[1]) end
  redis.call('XACK', KEYS[2], ARGV[2], entry)
  redis.call('XDEL', KEYS[2], entry)
end
"""
"""Adds a rejected message to a list, and removes its entry from the stream."""
