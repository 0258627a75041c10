-- Clears the back-off and the failures of a host, so that only its delay holds back requests.
--
-- ARGV[2] msgpack: {host id}
-- Answer: 1, or 0 if the host is unknown.

local hid = cmsgpack.unpack(ARGV[2])[1]
if not (type(hid) == 'string' and #hid == 16 and string.find(hid, '^%x+$')) then error('a malformed host', 0) end
expect('zset', P .. 'breakers')
expect('zset', P .. 'host:' .. hid .. ':jobs')
host_in_flight(hid)
local key = P .. 'host:' .. hid
if call('EXISTS', key) == 0 then return 0 end
call('HDEL', key, 'until', 'trouble', 'held')
call('ZREM', P .. 'breakers', hid)
schedule(hid, nil, true)
return 1
