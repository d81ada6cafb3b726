#pragma once

#include <cstdint>
#include <vector>

#include "load.h"
#include "sockets.h"

namespace bench {

struct Window {
  int64_t warmUpNs;
  int64_t lengthNs;
  /// Whose CPU counts as the peer's.
  std::vector<int> pids;
};

/// Lets the load run for warm-up and window, and prints one line of JSON: what was done, and what CPU it
/// took, between the window's two ends. Counts and CPU are read in the same instant, by the thread that makes
/// the load.
void measure(Load& load, Epoll& epoll, const Window& window);

}  // namespace bench
