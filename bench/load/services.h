#pragma once

#include <cstddef>

namespace bench {

// The same as in services.ts, which says what each service does.
constexpr size_t kRequestBytes = 100;
constexpr size_t kResponseBytes = 200;
constexpr size_t kDatagramBytes = 64;
constexpr size_t kBulkBytes = 256 * 1024;

}  // namespace bench
