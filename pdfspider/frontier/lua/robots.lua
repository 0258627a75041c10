-- Ends a robots lease: the origin's rules are known to the whole fleet until they expire.
--
-- ARGV[2] msgpack: {worker, token, ms since the fetch started, crawl delay ms, ttl ms, failure class or '', body,
--                    sign, rules}; the last two: see hear
-- Answer: ok or fenced.

local worker, token, ago, crawl_delay, ttl, failure, body, sign, rules = unpack(cmsgpack.unpack(ARGV[2]))
check_sign(sign)
check_rules(rules)
local lease = take_lease(worker, token)
if not lease then return 'fenced' end
local origin = redis.sha1hex(lease.origin)
local key, host_key = P .. 'robots:' .. origin, P .. 'host:' .. lease.hid
if failure == 'S' then key = key .. ':' .. lease.reach end
call('HDEL', P .. 'worker:' .. worker, token)
call('HSET', key, 'body', body, 'failure', failure)
call('PEXPIRE', key, math.min(ttl, HOST_KEPT))
call('HSET', host_key, 'crawl:' .. string.sub(origin, 1, 8), str(crawl_delay))
local slowest, fields = 0, call('HGETALL', host_key)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 6) == 'crawl:' then slowest = math.max(slowest, int(fields[i + 1])) end
end
call('HSET', host_key, 'crawl', str(slowest))
hear(place_of(lease), token, sign, rules)
leave_robots(lease, token, ago)
return 'ok'
