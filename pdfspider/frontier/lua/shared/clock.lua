-- Time. It never goes back: where Redis's clock does, the frontier's goes on from where it was (shift). After a restart,
-- a failover or a jump of the clock, what may have been forgotten is waited out: no host is asked before its gap has
-- passed since then (boot), no worker is given up for one lease period, and after a restart no lease is granted (hold).

local JUMP = 5000

local function redis_time()
  local t = call('TIME')
  return t[1] * 1000000 + t[2]
end

local function note_boot(restarted, at)
  call('HSET', P .. 'meta', 'boot', str(at))
  if not restarted then return end
  call('HINCRBY', P .. 'meta', 'epoch', 1)
  if call('EXISTS', P .. 'workers') == 1 then
    call('HSET', P .. 'meta', 'hold', str(at + int(call('HGET', P .. 'meta', 'lease'))))
  end
end

local function read_clock()
  local run_id = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local known, time, shift = unpack(call('HMGET', P .. 'meta', 'run_id', 'time', 'shift'))
  local us = (tonumber(ARGV[1]) or redis_time()) + int(shift) * 1000
  local step = math.floor(us / 1000) - int(time)
  if known and step < -JUMP then
    us = us - step * 1000
    call('HINCRBY', P .. 'meta', 'shift', str(-step))
  end
  local ms = math.floor(us / 1000)
  if known ~= run_id or step < -JUMP or step >= 1000 then
    if not known then call('HSETNX', P .. 'meta', 'epoch', str(ms))
    elseif known ~= run_id or step < -JUMP or step > JUMP and call('EXISTS', P .. 'workers') == 1 then
      note_boot(known ~= run_id, ms)
    end
    call('HSET', P .. 'meta', 'run_id', run_id, 'time', str(ms))
  end
  return us, ms
end

local now_us, now = read_clock()
local boot, lease_period = int(call('HGET', P .. 'meta', 'boot')), int(call('HGET', P .. 'meta', 'lease'))

-- Worker deadlines up to this one have passed; 0 is that of a worker that has left.
local passed = now > boot + lease_period and now - 1 or 0
