#include "notify-exec.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "service-notify.h"

namespace {

constexpr const char* kVariable = "KUBE_SPLICE_NOTIFY_FD";
constexpr int kFirstBehindStandardStreams = 3;
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

}  // namespace

int becomeNotifying(char** words) {
  // One that was inherited would be another's.
  unsetenv(kVariable);
  const int connected = connectNotifySocket();
  if (connected < 0 && getenv("NOTIFY_SOCKET") != nullptr)
    fprintf(stderr, "kube-splice-relay: no notifications: NOTIFY_SOCKET: %s\n", strerror(errno));
  // A copy has no close-on-exec, and is non-blocking still: that belongs to the open socket itself.
  const int inherited = connected < 0 ? -1 : fcntl(connected, F_DUPFD, kFirstBehindStandardStreams);
  if (inherited >= 0) setenv(kVariable, std::to_string(inherited).c_str(), 1);
  execvp(words[0], words);
  const int error = errno;
  fprintf(stderr, "kube-splice-relay: %s: %s\n", words[0], strerror(error));
  return error == ENOENT ? kNotFound : kNotExecutable;
}
