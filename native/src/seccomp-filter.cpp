// The program is a list of tests, run by the kernel before each call: the calls of the packet's way come
// first.
#include "seccomp-filter.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "error-name.h"

#if defined(__x86_64__)
#define KUBE_SPLICE_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define KUBE_SPLICE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef KUBE_SPLICE_AUDIT_ARCH

namespace {

/// Allowed with any arguments. The numbers that one C library or processor has no use for do no harm.
constexpr int kAllowed[] = {
    // The packet's way.
    SYS_recvfrom,
    SYS_sendto,
    SYS_splice,
    SYS_epoll_pwait,
    SYS_recvmmsg,
    SYS_sendmmsg,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_epoll_ctl,
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_futex,
    SYS_accept4,
    SYS_connect,
    SYS_shutdown,
    SYS_pipe2,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_getsockname,
    SYS_bind,
    SYS_listen,
    SYS_ppoll,
    SYS_clock_gettime,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
    SYS_poll,
#endif
    // Memory.
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_getrandom,
    // Beginnings and ends of threads, and of the process. writev: what the C library says before it aborts.
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getscheduler,
    SYS_sched_setscheduler,
    SYS_sched_getaffinity,
    SYS_sigaltstack,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_gettid,
    SYS_getpid,
    SYS_exit,
    SYS_exit_group,
    SYS_writev,
};

/// Refused with an error rather than an end: the C library asks for settings of the system in files (malloc
/// for overcommit_memory, where it gives memory back) and does without.
constexpr int kRefused[] = {
    SYS_openat,
#ifdef SYS_open
    SYS_open,
#endif
};

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kKill = SECCOMP_RET_KILL_PROCESS;

class Program {
 public:
  void load(size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset), 0, 0); }
  /// The low half of an argument: those that are tested are ints.
  void loadArgument(size_t index) { load(offsetof(seccomp_data, args) + index * sizeof(uint64_t)); }
  void mask(uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, bits, 0, 0); }
  void answer(uint32_t action) { add(BPF_RET | BPF_K, action, 0, 0); }
  /// Passes over `skip` instructions where what was loaded is not `value`.
  void unlessEqual(uint32_t value, uint8_t skip) { add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip); }
  /// Passes over `skip` instructions where what was loaded is `value`.
  void ifEqual(uint32_t value, uint8_t skip) { add(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0); }
  void unlessAtLeast(uint32_t value, uint8_t skip) { add(BPF_JMP | BPF_JGE | BPF_K, value, 0, skip); }
  std::vector<sock_filter>& code() { return code_; }

 private:
  void add(int operation, uint32_t value, uint8_t whenTrue, uint8_t whenFalse) {
    code_.push_back({static_cast<uint16_t>(operation), whenTrue, whenFalse, value});
  }
  std::vector<sock_filter> code_;
};

/// All threads of this process, or the first alone where /proc is not there; as many as can be passed over.
std::vector<uint32_t> ownThreads() {
  constexpr size_t kMost = 100;
  std::vector<uint32_t> threads{static_cast<uint32_t>(getpid())};
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return threads;
  while (const dirent* const task = readdir(tasks)) {
    const auto id = static_cast<uint32_t>(strtoul(task->d_name, nullptr, 10));
    // `.` and `..` are 0.
    if (id != 0 && id != threads.front() && threads.size() < kMost) threads.push_back(id);
  }
  closedir(tasks);
  return threads;
}

Program makeProgram(int statmFd) {
  Program program;
  program.load(offsetof(seccomp_data, arch));
  program.ifEqual(KUBE_SPLICE_AUDIT_ARCH, 1);
  program.answer(kKill);
  program.load(offsetof(seccomp_data, nr));
#ifdef __x86_64__
  // Calls of the x32 ABI have the same architecture, and numbers from here on.
  constexpr uint32_t kX32Bit = 0x40000000;
  program.unlessAtLeast(kX32Bit, 1);
  program.answer(kKill);
#endif
  for (const int call : kAllowed) {
    program.unlessEqual(static_cast<uint32_t>(call), 1);
    program.answer(kAllow);
  }
  for (const int call : kRefused) {
    program.unlessEqual(static_cast<uint32_t>(call), 1);
    program.answer(SECCOMP_RET_ERRNO | EACCES);
  }
  // socket(2): TCP and UDP over IP only; no raw, packet or netlink socket.
  program.unlessEqual(SYS_socket, 10);
  program.loadArgument(0);
  program.ifEqual(AF_INET, 2);
  program.ifEqual(AF_INET6, 1);
  program.answer(kKill);
  program.loadArgument(1);
  program.mask(0xf);
  program.ifEqual(SOCK_STREAM, 2);
  program.ifEqual(SOCK_DGRAM, 1);
  program.answer(kKill);
  program.answer(kAllow);
  // A channel to the relay that follows (hand-over.h).
  program.unlessEqual(SYS_socketpair, 4);
  program.loadArgument(0);
  program.unlessEqual(AF_UNIX, 1);
  program.answer(kAllow);
  program.answer(kKill);
  program.unlessEqual(SYS_fcntl, 6);
  program.loadArgument(1);
  program.unlessEqual(F_SETPIPE_SZ, 1);
  program.answer(kAllow);
  program.unlessEqual(F_SETLK, 1);
  program.answer(kAllow);
  program.answer(kKill);
  // How much memory is resident (process-figures.h), and nothing else.
  program.unlessEqual(SYS_pread64, 4);
  program.loadArgument(0);
  program.unlessEqual(static_cast<uint32_t>(statmFd), 1);
  program.answer(kAllow);
  program.answer(kKill);
  // abort(3) signals this process and no other: by its number, or, in another C library, by a thread's.
  const std::vector<uint32_t> threads = ownThreads();
  program.unlessEqual(SYS_tkill, static_cast<uint8_t>(2 + 2 * threads.size()));
  program.loadArgument(0);
  for (const uint32_t thread : threads) {
    program.unlessEqual(thread, 1);
    program.answer(kAllow);
  }
  program.answer(kKill);
  program.unlessEqual(SYS_tgkill, 4);
  program.loadArgument(0);
  program.unlessEqual(static_cast<uint32_t>(getpid()), 1);
  program.answer(kAllow);
  program.answer(kKill);
  program.answer(kKill);
  return program;
}

}  // namespace

std::string installSeccompFilter(int statmFd) {
  Program program = makeProgram(statmFd);
  sock_fprog filter{static_cast<unsigned short>(program.code().size()), program.code().data()};
  const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (result == 0) return {};
  return result < 0 ? "seccomp: " + errorName(errno) : "seccomp: a thread has another filter";
}

#else

std::string installSeccompFilter(int) { return "seccomp: no filter was written for this processor"; }

#endif
