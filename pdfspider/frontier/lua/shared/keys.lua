-- Keys and constants. What is in this directory stands in front of every script, in the order that scripts.py gives.
--
-- Keys (all under the tag {pdfs}; hosts are 16 hex digits of a hash, jobs are the numbers of their runs):
--   meta                     HASH  run_id, time, shift, boot, hold, lease: the clock (see below); epoch: changes when
--                                  something may have been forgotten; token, run: the last ones given; drain: the
--                                  worker that is asked to finish what it holds; store, database: their ids; synced: written so
--                                  that its way to the disk can be waited for; format: the version of this layout; secret:
--                                  64 hex digits that decide which bucket a fingerprint is in
--   jobs                     HASH  job name -> its newest run
--   recent                   ZSET  these names by their run, which is the time at which it was opened
--   open                     ZSET  those of them whose run has not ended
--   job:RUN                  HASH  options, state and counters; c:CODE counts an outcome class
--   queued                   SET   runs with URLs that are queued or delayed, for those whose turn it is to be leased from
--   totals                   HASH  sums over all runs. Of what has happened, also in runs that are gone: c:CODE, r:CODE (tries
--                                  that were given back by class), bytes, expired (leases); of what is: jobs:STATE, queued, delayed, leased
--   job:RUN:hosts            SET   hosts at which the run has a queue
--   job:RUN:parked           SET   those of them that were taken out of the turns while the run is paused
--   seen:RUN:N               HASH  fingerprint -> state, one bucket of many (see seen_*)
--   q:HOST:RUN               ZSET  the queue of one run at one host (see queue scores)
--   overflow:HOST:RUN        ZSET  blocks of what that queue holds beyond its cap by the least score in each; a block is
--                                  known by NUMBER:DIGEST, how many members it has and their digest (see overflow.lua)
--   blocks:HOST:RUN          HASH  these blocks, compressed by clients
--   deadlines                ZSET  runs by the time (ms) at which what they have queued ends, where they have one
--   overfull                 SET   HOST:RUN of queues that are over their cap
--   host:HOST                HASH  the gate: last start (planned or reported) and the gap that was in force then; delay,
--                                  cap, crawl: what jobs and robots.txt ask for; fcap: the least cap of the leases that
--                                  are out; until: to be left alone; turn: how many leases it has given;
--                                  starting, robots: tokens of the starts that were not reported yet and of the
--                                  robots lease that is out, or has been redirected here; trouble: see apply_signal; cause:
--                                  the class code of the last failure that was given back; auto: the delay that its latency
--                                  asks for; held: see hold_host
--   host:HOST:jobs           ZSET  runs with work at the host by their turn
--   host:HOST:flight         SET   tokens of the leases that may be fetching there
--   hosts                    ZSET  hosts with work and a free slot by the time (ms) of their next start; unreached ones
--                                  (see is_unreached) by UNREACHED and that time
--   workers                  ZSET  workers by deadline (ms)
--   worker:W                 HASH  token -> lease record
--   worker:W:calls           HASH  the last answers, for a call that is sent again
--   taking:W                 LIST  start URLs that the worker has claimed and not yet submitted
--   unclaimed                LIST  those that a worker had claimed when it died: claimed again before all others
--   solo                     ZSET  members that expired twice, by the time (ms) at which to look at them: leased to a
--                                  worker that holds nothing else
--   chores                   SET   runs with queues to drop or to bring back, in bounded steps
--   breakers                 ZSET  hosts whose breaker is not closed, by the time (ms) at which they are forgotten
--   finished                 ZSET  finished runs by the time (ms) at which their keys go
--   garbage                  LIST  seen buckets to remove: RUN, number of buckets
--   robots:ORIGIN            HASH  a robots.txt: body or failure; stale, used: see knows_robots; expires
--   robots:ORIGIN:REACH      HASH  the same where URLs of that reach may not ask for it; expires
--   networks                 HASH  number -> the networks that an operator allowed: one list for each setting that was used
--   pages:RUN                HASH  host -> pages that the run has taken of it, while workers count them; expires
--   blocked                  HASH  what operators have blocked: id -> host or pattern; version: changes with them
--   events                   STREAM one entry per finished run, and per stall of one where that is watched
--   progress                 HASH  runs that are watched for stalls -> URLs that have ended, since when (ms), whether that was told
--   alerts                   HASH  alerts whose cause is there: what they say, since when, whether that was told; window: counters
--   alerts:turn              STRING while it is there nobody else looks for alerts; expires
--   progress:turn            STRING while it is there nobody else looks for stalls; expires
--   schedules                ZSET  jobs by the time (ms) at which their next run is to begin
--   schedule:JOB             HASH  how often, and with which options; started: the run that was begun last; starting: the
--                                  time for which not all of its seeds are there yet; skipped: times at which it had not ended
--   schedule:JOB:seeds       LIST  the seeds, in groups
--   tasks:RUN:TRANSPORT      HASH  the masters' messages that wait for the run's end: key -> what the answer needs
--   unanswered               SET   RUN:TRANSPORT of these
--   owed:TRANSPORT           STREAM one entry per run that has ended and is to be answered; gone when that is done
--   undelivered              SET   transports that have, or have had,
--   undelivered:TRANSPORT    STREAM results that a destination has refused for good; the newest 10,000 are kept
--   idempotency:TRANSPORT:…  STRING digest of the body that an Idempotency-Key stands for; expires
--   untold:RUN:TRANSPORT     SET   fingerprints of the documents that masters are still to be told of; expires with the run
--   found:TRANSPORT          STREAM one entry for each of these, to be read at once; expires
--   log:RUN                  STREAM the documents of a run that is watched; expires
--   answered:RUN:TRANSPORT   HASH  the masters' own part of answers that can be asked for again; expires
--   history:RUN              STRING samples of a run, see sample.lua; expires
--   report:W                 STRING what a worker says of itself; expires
--   dashboard                STRING the URL of a running dashboard; expires
-- Channel:
--   wake                     a message whenever URLs were handed in and nothing could be leased before
--
-- A queue member is fingerprint (8 bytes) .. kind (d|p) .. verdict (class code or -) .. deliveries .. expiries ..
-- returns .. payload; returns: how often workers gave it back without a result that counts. The payload is a msgpack
-- array that begins with URL, depth, flags, and how many bytes of the URL are its origin: no script parses a URL.
-- Queue scores: documents first, then pages, each by priority, depth, order of submission; delayed members stand behind them by the
-- time at which they may go.
--
-- A script fails before its first write or not at all: it reads from every key, or asks for its type (expect), before it
-- writes to any. Where a call has several parts, each is done whole or not at all.

local P = '{pdfs}:'
local call = redis.call
local PAGES, DELAYED, UNREACHED = 2^50, 2^52, 2^50
local HEADER = 13
local FORMAT = '2'
local ALONE_AFTER = 2 -- expiries after which a member is leased alone
local HOST_KEPT = 86400000 -- ms; robots rules are not kept longer, for the host holds their crawl delay

local function int(value) return tonumber(value) or 0 end
local function str(number) return string.format('%.0f', number) end

-- Whether a value can be the name of a worker: it is a part of keys.
local function is_worker(value)
  return type(value) == 'string' and #value <= 128 and string.find(value, '^[^:%s%c]+$') ~= nil
end

local function is_number(value, least, most) return type(value) == 'number' and value >= least and value <= most end

-- Raises an error where a key is there and of another type than the script needs. Each key is asked for once.
local as_expected = {}
local function expect(kind, key)
  if as_expected[key] then return end
  local found = call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then error('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. kind, 0) end
  as_expected[key] = true
end

-- Calls a command with any number of arguments; Lua's stack does not take them all at once.
local ARGUMENTS = 500
local function call_with(command, key, values, option)
  for i = 1, #values, ARGUMENTS do
    if option then call(command, key, option, unpack(values, i, math.min(i + ARGUMENTS - 1, #values)))
    else call(command, key, unpack(values, i, math.min(i + ARGUMENTS - 1, #values))) end
  end
end
