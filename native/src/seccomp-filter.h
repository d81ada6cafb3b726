// Which system calls the relay may make once it serves. Anything else ends it (seccomp(2),
// SECCOMP_RET_KILL_PROCESS): whoever took it over by a crafted packet opens no file, starts no program, and
// reaches no other process.
#pragma once

#include <string>

/// A build whose sanitizer makes calls of its own, and can't be filtered.
constexpr bool isSanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(KUBE_SPLICE_SANITIZER)
  return true;
#else
  return false;
#endif
}

/// In force for all threads when it returns. After dropPrivileges(); threads have been started. Empty, or
/// what failed.
std::string installSeccompFilter(int statmFd);
