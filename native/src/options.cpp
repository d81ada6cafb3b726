#include "options.h"

#include <cstdint>
#include <optional>
#include <string_view>

const char* const kUsage =
    "kube-splice-relay (--socket PATH | --control-fd N) [option...]\n"
    "kube-splice-relay --ping --socket PATH\n"
    "kube-splice-relay --notify-exec PROGRAM [argument...]\n"
    "\n"
    "Moves the bytes of Kubernetes service ports. It is told what to do over a Unix socket: see "
    "PROTOCOL.md.\n"
    "\n"
    "  --socket PATH      listen on this Unix socket\n"
    "  --take-over        take over from the relay that listens there, with all that it has open\n"
    "  --background       end as soon as the relay serves, leaving it behind\n"
    "  --socket-mode MODE 0600, or 0660: the socket's group may connect; whom is served, says PROTOCOL.md\n"
    "  --control-fd N     or speak over this connected one, and end with it\n"
    "  --threads N        threads that move bytes, 1 to 64 (one for each processor, four at most)\n"
    "  --user UID:GID     who to become when started as root (65534:65534)\n"
    "  --no-seccomp       go on without a system call filter\n"
    "  --ping             end with 0 where the relay that listens there answers within 5 s, else with 1\n"
    "  --notify-exec ...  become PROGRAM, with a descriptor in KUBE_SPLICE_NOTIFY_FD: what is written there\n"
    "                     goes to systemd's NOTIFY_SOCKET\n"
    "  --version, --help  print that, and end\n";

namespace {

std::optional<uint32_t> parseNumber(std::string_view text, uint32_t most) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  if (number > most) return std::nullopt;
  return static_cast<uint32_t>(number);
}

std::string readValue(std::string_view flag, std::string_view value, CommandLine& options) {
  if (flag == "--socket") {
    options.socketPath = value;
    return value.empty() ? "--socket takes the path of a Unix socket, such as /run/kube-splice/relay.sock"
                         : "";
  }
  if (flag == "--socket-mode") {
    if (value != "0600" && value != "0660") return "--socket-mode takes 0600 or 0660";
    options.socketMode = value == "0660" ? 0660 : 0600;
    return {};
  }
  if (flag == "--control-fd") {
    const auto fd = parseNumber(value, 1'000'000);
    // 0 to 2 are the standard streams.
    if (!fd || *fd < 3) return "--control-fd takes the number of a connected Unix socket, 3 or more";
    options.controlFd = static_cast<int>(*fd);
    return {};
  }
  if (flag == "--threads") {
    const auto threads = parseNumber(value, 64);
    if (!threads || *threads == 0) return "--threads takes a number from 1 to 64";
    options.threads = *threads;
    return {};
  }
  const size_t colon = value.find(':');
  const auto user = parseNumber(value.substr(0, colon), UINT32_MAX - 1);
  const auto group =
      colon == std::string_view::npos ? user : parseNumber(value.substr(colon + 1), UINT32_MAX - 1);
  if (!user || !group || *user == 0)
    return "--user takes UID:GID in numbers, the user not 0, such as 65534:65534";
  options.user = *user;
  options.group = *group;
  return {};
}

}  // namespace

std::string parseCommandLine(int count, char** words, CommandLine& options) {
  for (int i = 1; i < count; i++) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "--version") {
      options.task = word == "--help" ? CommandLine::Task::help : CommandLine::Task::version;
      return {};
    }
    if (word == "--notify-exec" && i == 1) {
      if (count == 2) return "--notify-exec takes a program, and its arguments";
      options.task = CommandLine::Task::notifyExec;
      options.program = words + 2;
      return {};
    }
    if (word == "--no-seccomp") {
      options.seccomp = false;
      continue;
    }
    if (word == "--ping") {
      options.task = CommandLine::Task::ping;
      continue;
    }
    if (word == "--take-over" || word == "--background") {
      (word == "--take-over" ? options.takeOver : options.background) = true;
      continue;
    }
    const size_t equals = word.find('=');
    const std::string_view flag = word.substr(0, equals);
    if (flag != "--socket" && flag != "--socket-mode" && flag != "--control-fd" && flag != "--threads" &&
        flag != "--user")
      return "unknown option " + std::string(word) + "; --help lists them";
    if (equals == std::string_view::npos && i + 1 == count)
      return std::string(flag) + " wants a value; --help says which";
    const std::string_view value = equals == std::string_view::npos ? words[++i] : word.substr(equals + 1);
    std::string wrong = readValue(flag, value, options);
    if (!wrong.empty()) return wrong;
  }
  if (options.socketPath.empty() == (options.controlFd < 0))
    return "give one of --socket PATH and --control-fd N; --help says more";
  if (options.task == CommandLine::Task::ping && options.socketPath.empty())
    return "--ping goes with --socket PATH only";
  if ((options.takeOver || options.background) && options.socketPath.empty())
    return "--take-over and --background go with --socket PATH only";
  return {};
}
