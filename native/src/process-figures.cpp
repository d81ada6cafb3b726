#include "process-figures.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "relay.h"

namespace {

constexpr uint64_t kNsOfMs = 1'000'000;

uint64_t clockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// The second number of the file: pages that are resident. 0 where the system does not tell.
uint64_t residentPages(int statmFd) {
  char text[128];
  const ssize_t length = statmFd < 0 ? -1 : pread(statmFd, text, sizeof text - 1, 0);
  if (length <= 0) return 0;
  text[length] = '\0';
  unsigned long long size = 0;
  unsigned long long resident = 0;
  return sscanf(text, "%llu %llu", &size, &resident) == 2 ? resident : 0;
}

}  // namespace

ProcessFigures::ProcessFigures(const char* version)
    : version_(version),
      startedMs_(clockNs(CLOCK_REALTIME) / kNsOfMs),
      statmFd_(open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      pageBytes_(sysconf(_SC_PAGESIZE)) {}

ProcessFigures::~ProcessFigures() {
  if (statmFd_ >= 0) close(statmFd_);
}

std::string ProcessFigures::words(const Relay& relay) const {
  std::string text = "pid=" + std::to_string(getpid()) + " version=" + version_;
  text += " cpu-us=" + std::to_string(clockNs(CLOCK_PROCESS_CPUTIME_ID) / 1'000);
  text += " resident-bytes=" + std::to_string(residentPages(statmFd_) * static_cast<uint64_t>(pageBytes_));
  text += " open-files=" + std::to_string(relay.files().used());
  text += " open-file-limit=" + std::to_string(relay.files().limit());
  // And the control thread.
  text += " threads=" + std::to_string(relay.workers().size() + 1);
  return text + " started-ms=" + std::to_string(startedMs_);
}
