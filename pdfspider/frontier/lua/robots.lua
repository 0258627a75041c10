-- Ends a robots lease, and stores the origin's rules for the whole fleet until they expire.
--
-- ARGV[2] msgpack: {worker, token, ms since the fetch started, crawl delay ms, ttl ms, failure class or '', body,
--                    signal, rules}; the last two: see apply_signal
-- Answer: ok or fenced.

local request = cmsgpack.unpack(ARGV[2])
local worker, token, ago, crawl_delay, ttl, failure, body, signal, rules = unpack(request, 1, 9)
if not (is_worker(worker) and type(token) == 'string' and is_number(ago, -1, 2 ^ 52)
  and is_number(crawl_delay, 0, 2 ^ 50) and is_number(ttl, 0, 2 ^ 50) and type(failure) == 'string' and #failure <= 1
  and type(body) == 'string') then error('a malformed robots.txt', 0) end
check_signal(signal)
check_rules(rules)
local lease = take_lease(worker, token)
if not lease or not lease.origin then return 'fenced' end
local host_key = P .. 'host:' .. lease.hid
host_in_flight(lease.hid)
local host = host_in_flight(place_of(lease))
local reach = failure == 'S' and lease.reach
expect('hash', robots_key(lease.origin, reach))
expect('zset', P .. 'breakers')
call('HDEL', P .. 'worker:' .. worker, token)
set_robots(lease.origin, body, failure, ttl, reach)
call('HSET', host_key, 'crawl:' .. string.sub(redis.sha1hex(lease.origin), 1, 8), str(crawl_delay))
local slowest, fields = 0, call('HGETALL', host_key)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 6) == 'crawl:' then slowest = math.max(slowest, int(fields[i + 1])) end
end
call('HSET', host_key, 'crawl', str(slowest))
call('HDEL', host_key, 'returns')
apply_signal(place_of(lease), host, token, signal, rules)
leave_robots(lease, host, token, ago)
return 'ok'
