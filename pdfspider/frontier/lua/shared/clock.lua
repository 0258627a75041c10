-- Time. It never goes back: where Redis's clock does, the frontier's goes on from where it was (shift). After a restart,
-- a failover or a jump of the clock, Redis may have lost its last writes. So no request is permitted before the host's gap
-- has passed since then (boot), no worker is given up for one lease period, and after a restart no lease is granted (hold).

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

-- An empty frontier gets this format; data without a format is of the first one.
local function check_format(known, format, secret)
  if format == FORMAT and secret then return secret end
  if known or format then error('FORMAT ' .. (format or '1'), 0) end
  secret = ARGV[4]
  if not (secret and string.find(secret, '^%x+$') and #secret == 64) then error('a malformed secret') end
  call('HSET', P .. 'meta', 'format', FORMAT, 'secret', secret)
  return secret
end

local function read_clock()
  local run_id = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local known, time, shift, format, kept, boot, lease, epoch =
    unpack(call('HMGET', P .. 'meta', 'run_id', 'time', 'shift', 'format', 'secret', 'boot', 'lease', 'epoch'))
  local secret = check_format(known, format, kept)
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
    boot, lease, epoch = unpack(call('HMGET', P .. 'meta', 'boot', 'lease', 'epoch'))
  end
  return us, ms, secret, int(boot), int(lease), int(epoch)
end

local now_us, now, secret, boot, lease_period, epoch = read_clock()

-- Worker deadlines up to this one have passed; 0 is that of a worker that has left.
local passed = now > boot + lease_period and now - 1 or 0
