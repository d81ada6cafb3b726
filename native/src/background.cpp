#include "background.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "error-name.h"

namespace {

/// The command's: ends with the relay's word, or its end.
[[noreturn]] void waitForRelay(int fd, pid_t between) {
  // ECHILD: somebody ignores SIGCHLD.
  while (waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  char word = 0;
  ssize_t got = 0;
  do got = read(fd, &word, 1);
  while (got < 0 && errno == EINTR);
  _exit(got == 1 ? 0 : 1);
}

}  // namespace

int goBackground(std::string& wrong) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    wrong = "pipe: " + errorName(errno);
    return -1;
  }
  const pid_t between = fork();
  if (between < 0) {
    wrong = "fork: " + errorName(errno);
    return -1;
  }
  if (between > 0) {
    close(ends[1]);
    waitForRelay(ends[0], between);
  }
  close(ends[0]);
  const pid_t relay = fork();
  // Where that fails, the pipe closes, and the command knows.
  if (relay != 0) _exit(relay < 0 ? 1 : 0);
  // What init adopts has init for a parent; until then the word of a new main process would be of a
  // stranger's child. The one between is about to end.
  const pid_t before = getppid();
  for (int waited = 0; getppid() == before && before != 1 && waited < 1'000; waited++) usleep(1'000);
  return ends[1];
}

void tellStarted(int fd) {
  const char word = '1';
  // EPIPE: nobody waits.
  [[maybe_unused]] const ssize_t written = write(fd, &word, 1);
  close(fd);
}
