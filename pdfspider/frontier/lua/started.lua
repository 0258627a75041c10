-- Reports when a fetch has started, so that the host's next start can be planned before this one ends.
--
-- ARGV[2] msgpack: {worker, token, ms since the start}

local worker, token, ago = unpack(cmsgpack.unpack(ARGV[2]))
local lease = take_lease(worker, token)
if not lease then return 0 end
note_start(place_of(lease), token, ago)
schedule(place_of(lease))
return 1
