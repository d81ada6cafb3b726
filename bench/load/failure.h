#pragma once

#include <string>

namespace bench {

/// Ends the program with status 1 and this line on standard error: a figure of a load that went wrong is
/// none.
[[noreturn]] void fail(const std::string& message);

/// The same for a system call. `error` is its errno.
[[noreturn]] void failWith(const std::string& what, int error);

}  // namespace bench
