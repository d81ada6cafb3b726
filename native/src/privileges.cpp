#include "privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "error-name.h"
#include "seccomp-filter.h"

namespace {

std::string failed(const char* call) { return std::string(call) + ": " + errorName(errno); }

/// EPERM: without CAP_SETGID or CAP_SETUID this process can't become another one. EINVAL: a user namespace
/// that has no such group or user (user_namespaces(7)). It goes on without capabilities then, and the
/// greeting says who it is.
bool mayGoOn() { return errno == EPERM || errno == EINVAL; }

std::string becomeUser(uid_t user, gid_t group) {
  if (setgroups(0, nullptr) != 0 && !mayGoOn()) return failed("setgroups");
  if (setresgid(group, group, group) != 0 && !mayGoOn()) return failed("setresgid");
  if (setresuid(user, user, user) != 0 && !mayGoOn()) return failed("setresuid");
  return {};
}

}  // namespace

std::string dropPrivileges(uid_t user, gid_t group) {
  // EPERM without CAP_SETPCAP: nothing can be gained through the bounding set without execve(2), either.
  // EINVAL ends the list.
  for (unsigned long capability = 0; capability < 64; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  if (geteuid() == 0) {
    std::string wrong = becomeUser(user, group);
    if (!wrong.empty()) return wrong;
  }
  // EINVAL: a kernel before 4.3 has none.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return failed("PR_CAP_AMBIENT");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capset, &header, none) != 0) return failed("capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  // A sanitizer looks at the process through /proc, which belongs to root otherwise.
  if (!isSanitized() && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("PR_SET_DUMPABLE");
  return {};
}
