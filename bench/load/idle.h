#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <vector>

namespace bench {

/// Opens connections that have each carried a request, leaves them idle, and prints one line of JSON: by how
/// many bytes each made these processes grow.
void holdIdle(const sockaddr_in& at, size_t connections, const std::vector<int>& pids);

}  // namespace bench
