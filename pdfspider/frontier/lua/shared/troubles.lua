-- What the end of a lease showed of its host.
--
--   signal    {kind, hold ms, latency ms (-1: unknown), whether the latency is that of a status 200}
--           kind  ok: the host answered; busy: it wants to be left alone; down: it failed; unknown: its name is not known,
--           so that it is given up after one opening; '': nothing
--   rules   {first back-off ms, longest, failures that open the breaker (0: it never opens), ms for which it opens first,
--           openings, target concurrency (0: delays do not adapt), longest adapted delay ms}
-- A host's trouble is five numbers: failures since the last success; the back-off (ms), which each busy answer doubles
-- and each success halves; how often the breaker has opened without a success in between; when the last back-off or
-- opening began; until when the host is given up. While the breaker is not closed one lease is out at a time. What was
-- leased before the last back-off or opening began says nothing new: a burst of failures counts once.

local LONGEST_OPENING = 3600000

local function check_signal(signal)
  if not (type(signal) == 'table' and type(signal[1]) == 'string' and is_number(signal[2], 0, 2 ^ 50)
    and is_number(signal[3], -1, 2 ^ 50) and type(signal[4]) == 'boolean') then error('a malformed signal', 0) end
end

local function check_rules(rules)
  if type(rules) ~= 'table' then error('malformed rules', 0) end
  for i = 1, 7 do
    if not is_number(rules[i], 0, 2 ^ 50) then error('malformed rules', 0) end
  end
end

-- Leaves the host alone. What it has asked for in all since it has had work is held: ms, and its turn at the first time.
local function hold_host(hid, ms)
  if ms <= 0 then return end
  local key = P .. 'host:' .. hid
  local before, held, turn = unpack(call('HMGET', key, 'until', 'held', 'turn'))
  local from, to = math.max(int(before), now), math.max(int(before), now + ms)
  local total, first = string.match(held or '', '^(%d+) (%d+)$')
  call('HSET', key, 'until', str(to), 'held', str(int(total) + to - from) .. ' ' .. (first or str(int(turn))))
end

local function set_trouble(hid, fails, rest, opened, since, down)
  local key = P .. 'host:' .. hid
  if fails + rest + opened == 0 then return call('HDEL', key, 'trouble') end
  call('HSET', key, 'trouble', string.format('%.0f %.0f %.0f %.0f %.0f', fails, rest, opened, since, down))
end

local function note_success(hid, trouble, rules)
  local rest = math.floor(trouble.rest / 2)
  set_trouble(hid, 0, rest >= rules[1] and rest or 0, 0, trouble.since, 0)
  if trouble.opened > 0 then call('ZREM', P .. 'breakers', hid) end
end

-- Holds the host until its breaker lets one through; after `most` openings it is given up for that time instead.
-- Answers until when it is given up (0: it is not).
local function open_breaker(hid, opened, wait, most, rules)
  local over = now + math.max(wait, math.min(rules[4] * 2 ^ (opened - 1), LONGEST_OPENING))
  call('ZADD', P .. 'breakers', str(over + HOST_KEPT), hid)
  if opened <= most then
    hold_host(hid, over - now)
    return 0
  end
  return over
end

local function note_failure(hid, trouble, kind, hold, rules)
  local fails, rest, opened, since, down = trouble.fails + 1, trouble.rest, trouble.opened, trouble.since, 0
  if kind == 'busy' then
    rest, since = math.min(math.max(2 * rest, rules[1]), rules[2]), now
    hold = math.max(hold, rest)
  end
  if rules[3] > 0 and (opened > 0 or fails >= rules[3]) then
    opened, since = opened + 1, now
    down = open_breaker(hid, opened, hold, kind == 'unknown' and math.min(rules[5], 1) or rules[5], rules)
  else
    hold_host(hid, hold)
  end
  set_trouble(hid, fails, rest, opened, since, down)
end

-- The delay follows the latency as in Scrapy's AutoThrottle, whose rules these are.
local function adapt_delay(hid, latency, usual, rules)
  local key = P .. 'host:' .. hid
  local before, wanted = int(call('HGET', key, 'auto')), latency / rules[6]
  local after = math.max(1, math.ceil(math.min(math.max(wanted, (before + wanted) / 2), rules[7])))
  if before > 0 and (usual or after > before) then call('HSET', key, 'auto', str(after)) end
end

-- Notes what the end of a lease showed of the host; answers whether that changed anything.
local function apply_signal(hid, host, token, signal, rules)
  local kind, hold, latency, usual = unpack(signal, 1, 4)
  local adapts, trouble = rules[6] > 0 and latency >= 0, host.trouble
  if adapts then adapt_delay(hid, latency, usual, rules) end
  if kind == '' or kind == 'ok' and trouble == WELL then
    hold_host(hid, hold)
    return adapts or hold > 0
  end
  if int(string.match(token, '^%d+')) / 1000 < trouble.since then hold_host(hid, hold)
  elseif kind == 'ok' then note_success(hid, trouble, rules)
  else note_failure(hid, trouble, kind, hold, rules) end
  return true
end

-- A host that was given up is asked once more.
local function give_chance(hid)
  local trouble = trouble_of(call('HGET', P .. 'host:' .. hid, 'trouble'))
  if trouble.down > 0 then set_trouble(hid, trouble.fails, trouble.rest, trouble.opened, trouble.since, 0) end
end
