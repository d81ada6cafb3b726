// The program: what is done once, in this order, before anybody is served.
//
//   options ─▶ limits ─▶ control socket ─▶ privileges ─▶ threads ─▶ filter ─▶ control loop ─▶ end
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "background.h"
#include "control-server.h"
#include "control-socket.h"
#include "hand-over.h"
#include "notify-exec.h"
#include "options.h"
#include "ping.h"
#include "privileges.h"
#include "process-figures.h"
#include "protocol.h"
#include "relay.h"
#include "seccomp-filter.h"
#include "service-notify.h"
#include "worker.h"

namespace {

constexpr const char* kVersion = "1";

/// For control connections, and what each thread has for itself.
constexpr int64_t kFilesKept = 64;
constexpr int64_t kFilesOfThread = 2;
constexpr int64_t kFewestFiles = 8;

constexpr uint64_t kSignalGraceMs = 5'000;

/// The relay before has ended, or is about to.
constexpr int kLockMs = 2'000;

constexpr int kPingMs = 5'000;

int complain(const std::string& what, int code) {
  fprintf(stderr, "kube-splice-relay: %s\n", what.c_str());
  return code;
}

uint64_t randomState = 0;

/// Uniform in [0, 1), for where a rotation begins: nothing is kept secret by it. Control thread only.
double nextRandom() {
  // splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
  randomState += 0x9e3779b97f4a7c15;
  uint64_t mixed = randomState;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31;
  return static_cast<double>(mixed >> 11) / 9007199254740992.0;
}

void seedRandom() {
  // ENOSYS: a kernel before 3.17. The time is random enough for this.
  if (getrandom(&randomState, sizeof randomState, 0) != sizeof randomState) randomState = monotonicMs();
}

/// How many files the relay may have open, `kept` put aside; the system's hard limit is used up.
int64_t raiseFileLimit(int64_t kept) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kFewestFiles;
  const rlim_t soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  // EPERM: RLIM_INFINITY where the system has a lower maximum; the soft limit stays.
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = soft;
  constexpr rlim_t kMost = 1'000'000;
  return std::max(static_cast<int64_t>(std::min(limit.rlim_cur, kMost)) - kept, kFewestFiles);
}

unsigned threadCount(unsigned asked) {
  if (asked > 0) return asked;
  return std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
}

/// Signals that end the relay are read from this, by the control thread. Threads started later block them,
/// too.
int openSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  if (sigprocmask(SIG_BLOCK, &ending, nullptr) != 0) return -1;
  return signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC);
}

std::string greetingOf(unsigned threads, int64_t files) {
  return "kube-splice-relay " + std::to_string(kProtocolVersion) + " pid=" + std::to_string(getpid()) +
         " threads=" + std::to_string(threads) + " files=" + std::to_string(files) +
         " uid=" + std::to_string(geteuid()) + " seccomp=";
}

int serve(const CommandLine& options) {
  std::string wrong;
  const int startedFd = options.background ? goBackground(wrong) : -1;
  if (!wrong.empty()) return complain(wrong, 1);
  const unsigned threads = threadCount(options.threads);
  const int64_t files = raiseFileLimit(std::max(kFilesKept, kFilesKept / 2 + kFilesOfThread * threads));
  const uid_t startedAs = geteuid();
  const int signalFd = openSignals();
  const int wakeFd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (signalFd < 0 || wakeFd < 0) return complain("no signalfd or eventfd to be had", 1);
  seedRandom();

  int listenFd = -1;
  const int oldFd = options.takeOver ? connectToControlSocket(options.socketPath, wrong) : -1;
  int lockFd = -1;
  if (!wrong.empty()) return complain(wrong, 1);
  if (oldFd >= 0)
    lockFd = openLockFile(options.socketPath, wrong);
  else if (options.controlFd >= 0)
    wrong = checkControlFd(options.controlFd);
  else
    listenFd = listenOnControlSocket(options.socketPath, options.socketMode, lockFd, wrong);
  if (!wrong.empty()) return complain(wrong, 1);
  ServiceNotify notify;
  wrong = dropPrivileges(options.user, options.group);
  if (!wrong.empty()) return complain("cannot drop privileges: " + wrong, 1);
#ifdef M_ARENA_MAX
  // Older C libraries read the number of processors from a file to know this, which is filtered later.
  mallopt(M_ARENA_MAX, static_cast<int>(threads) + 1);
#endif

  const ProcessFigures figures(kVersion);
  Relay relay({threads, files, wakeFd, nextRandom, oldFd >= 0});
  // Before the filter, as it opens an epoll; it serves nobody yet.
  ControlServer server(relay, {files, startedAs, wakeFd, signalFd, listenFd, options.controlFd, lockFd,
                               options.controlFd >= 0 ? 0 : kSignalGraceMs,
                               options.controlFd >= 0 ? nullptr : &notify, &figures});
  // Before the filter, too, which knows no geteuid(2).
  const std::string greeting = greetingOf(threads, files);
  bool filtered = false;
  if (options.seccomp && !isSanitized()) {
    wrong = installSeccompFilter(figures.statmFd());
    if (!wrong.empty()) return complain(wrong + "; --no-seccomp goes on without a system call filter", 1);
    filtered = true;
  }
  if (oldFd >= 0) {
    const TakenOver taken = takeOver(relay, notify, oldFd, nextRandom);
    if (taken.listenFd < 0) {
      complain("not taken over from the relay that listens on " + options.socketPath + ": " + taken.wrong, 1);
      // Not a byte of what the other goes on with may be touched.
      _exit(1);
    }
    close(oldFd);
    server.listenOn(taken.listenFd);
    if (!takeLock(lockFd, kLockMs)) complain("another process holds " + options.socketPath + ".lock", 0);
    relay.thaw();
    if (taken.isToEnd) server.shutdown(kSignalGraceMs, nullptr);
  }
  if (startedFd >= 0) tellStarted(startedFd);
  return server.run(greeting + (filtered ? "on\n" : "off\n")) ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  CommandLine options;
  const std::string wrong = parseCommandLine(count, words, options);
  if (!wrong.empty()) return complain(wrong, 2);
  switch (options.task) {
    case CommandLine::Task::notifyExec:
      return becomeNotifying(options.program);
    case CommandLine::Task::version:
      printf("kube-splice-relay %s\n", kVersion);
      return 0;
    case CommandLine::Task::help:
      fputs(kUsage, stdout);
      return 0;
    case CommandLine::Task::ping: {
      const std::string silent = pingRelay(options.socketPath, kPingMs);
      return silent.empty() ? 0 : complain(silent, 1);
    }
    case CommandLine::Task::serve:
      return serve(options);
  }
  return 2;
}
