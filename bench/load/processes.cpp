#include "processes.h"

#include <dirent.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "clock.h"
#include "failure.h"

namespace bench {

namespace {

std::string ofProcess(int pid, const char* file) { return "/proc/" + std::to_string(pid) + "/" + file; }

std::optional<std::string> contentOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  // A process that ends meanwhile fails the read, not the open (proc(5)).
  if (!file || !(content << file.rdbuf())) return std::nullopt;
  return content.str();
}

int64_t nsPerTick() { return kNsPerSecond / sysconf(_SC_CLK_TCK); }

std::optional<int64_t> scheduledNs(int pid) {
  DIR* threads = opendir(ofProcess(pid, "task").c_str());
  if (threads == nullptr) return std::nullopt;
  std::optional<int64_t> sum = 0;
  while (const dirent* thread = readdir(threads)) {
    if (thread->d_name[0] == '.') continue;
    std::ifstream file(ofProcess(pid, "task/") + thread->d_name + "/schedstat");
    int64_t ns = 0;
    if (!(file >> ns)) {
      sum = std::nullopt;
      break;
    }
    *sum += ns;
  }
  closedir(threads);
  return sum;
}

int64_t tickedNs(int pid) {
  const std::optional<std::string> stat = contentOf(ofProcess(pid, "stat"));
  if (!stat) fail("process " + std::to_string(pid) + " of the peer is gone");
  // The name, field 2, may itself hold `)` and spaces; utime and stime are the fields 14 and 15.
  std::istringstream fields(stat->substr(stat->rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; field += 1) fields >> skipped;
  int64_t utime = 0;
  int64_t stime = 0;
  fields >> utime >> stime;
  return (utime + stime) * nsPerTick();
}

std::optional<int64_t> kilobytesIn(const std::string& path, const std::string& key) {
  const std::optional<std::string> content = contentOf(path);
  const size_t line = content ? content->find(key) : std::string::npos;
  if (line == std::string::npos) return std::nullopt;
  std::istringstream rest(content->substr(line + key.size()));
  int64_t kilobytes = 0;
  rest >> kilobytes;
  return kilobytes;
}

}  // namespace

std::optional<int64_t> processesCpuNs(const std::vector<int>& pids) {
  if (pids.empty()) return std::nullopt;
  int64_t sum = 0;
  for (const int pid : pids) {
    const std::optional<int64_t> scheduled = scheduledNs(pid);
    sum += scheduled ? *scheduled : tickedNs(pid);
  }
  return sum;
}

int64_t machineCpuNs() {
  std::ifstream stat("/proc/stat");
  std::string name;
  int64_t user = 0;
  int64_t nice = 0;
  int64_t system = 0;
  int64_t idle = 0;
  int64_t iowait = 0;
  int64_t irq = 0;
  int64_t softirq = 0;
  if (!(stat >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq))
    fail("/proc/stat cannot be read");
  return (user + nice + system + irq + softirq) * nsPerTick();
}

std::optional<int64_t> residentBytes(const std::vector<int>& pids) {
  if (pids.empty()) return std::nullopt;
  int64_t sum = 0;
  for (const int pid : pids) {
    std::optional<int64_t> kilobytes = kilobytesIn(ofProcess(pid, "smaps_rollup"), "\nRss:");
    if (!kilobytes) kilobytes = kilobytesIn(ofProcess(pid, "status"), "\nVmRSS:");
    if (!kilobytes) fail("process " + std::to_string(pid) + " of the peer is gone");
    sum += *kilobytes * 1024;
  }
  return sum;
}

}  // namespace bench
