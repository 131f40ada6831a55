-- Sends the requests of a file in turn, each a head that is followed by the same body.
-- Arguments: heads file, body file ("" for none), "stop" or "wrap" (what to do at the last request), threads,
-- process to interrupt.
-- The results go to standard output as one line of JSON, after the word RESULT.

local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int pid, int sig);")

local LARGE_BODY = 65536
local threads = 0
local heads, body, mode, position, step

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function read_all(path)
  local file = assert(io.open(path, "rb"))
  local data = file:read("*a")
  file:close()
  return data
end

function init(args)
  heads, mode, step = {}, args[3], tonumber(args[4])
  body = args[2] ~= "" and read_all(args[2]) or ""
  for head in string.gmatch(read_all(args[1]), "(.-\r\n\r\n)") do
    -- A large body is joined once, here: joining it anew for each request would cost the generator 8 MiB of
    -- copying each time. Small ones are joined on the way, which keeps the table small.
    heads[#heads + 1] = #body > LARGE_BODY and head .. body or head
  end
  if #body > LARGE_BODY then body = "" end
  -- wrk calls request() once before it starts, to check it; so thread 0 begins one step early.
  position = (number or 0) + 1
  first_call = true
end

function request()
  if first_call and number == 0 then
    first_call = false
    return heads[1] .. body
  end
  local head = heads[position]
  if head == nil then
    if mode == "stop" then
      -- Everything prepared has been sent: end the run now (SIGINT is how wrk is told to finish early).
      wrk.thread:stop()
      ffi.C.kill(ffi.C.getpid(), 2)
      return heads[1] .. body
    end
    position = number + 1
    head = heads[position]
  end
  position = position + step
  return head .. body
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"duration_us": %d, "requests": %d, "bytes": %d, "connect_errors": %d, "read_errors": %d, ' ..
    '"write_errors": %d, "status_errors": %d, "timeouts": %d, "mean_us": %.1f, "p50_us": %d, "p90_us": %d, ' ..
    '"p99_us": %d, "max_us": %d}\n',
    summary.duration, summary.requests, summary.bytes, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout, latency.mean, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency.max))
end
