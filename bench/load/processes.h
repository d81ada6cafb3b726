#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bench {

/// CPU time of these processes so far, all their threads, ns: the scheduler's account (the first field of
/// /proc/PID/task/TID/schedstat), or utime and stime in ticks where the kernel keeps none. None of no
/// processes. Ends the program where one of them is gone.
std::optional<int64_t> processesCpuNs(const std::vector<int>& pids);

/// CPU time that all cores of the machine have used, interrupts included, ns; in ticks of 10 ms (the first
/// line of /proc/stat without idle, iowait and steal).
int64_t machineCpuNs();

/// Memory that these processes hold now, bytes: `Rss` of /proc/PID/smaps_rollup, which walks the pages, or
/// `VmRSS` of /proc/PID/status, which is the same figure but, in kernels before 6.16, out by up to 64 pages
/// for each core.
std::optional<int64_t> residentBytes(const std::vector<int>& pids);

}  // namespace bench
