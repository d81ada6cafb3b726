#include <csignal>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "clock.h"
#include "endpoint.h"
#include "failure.h"
#include "idle.h"
#include "load.h"
#include "sockets.h"
#include "window.h"

// The load and the endpoint of the relay benchmark: one program, a process for each. As little as possible
// stands between a figure and the kernel: one thread, epoll, no allocation while a window runs but for
// latencies.
//
//   bench-load endpoint
//   bench-load WORK at=ADDRESS:PORT connections=N pids=P,… warm-up-ms=N window-ms=N [per-second=N]
//   bench-load idle at=ADDRESS:PORT connections=N pids=P,…
//
// Prints one line of JSON. Where anything fails: a line on standard error, and status 1.

namespace bench {

namespace {

using Arguments = std::map<std::string, std::string>;

const std::string& valueOf(const Arguments& arguments, const std::string& key) {
  const auto found = arguments.find(key);
  if (found == arguments.end()) fail(key + "= is missing");
  return found->second;
}

int64_t numberOf(const std::string& text) {
  char* end = nullptr;
  const long long number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || number < 1 || number > 1'000'000'000)
    fail("\"" + text + "\" is not a number");
  return number;
}

std::vector<int> pidsOf(const std::string& text) {
  std::vector<int> pids;
  std::istringstream list(text);
  for (std::string pid; std::getline(list, pid, ',');) pids.push_back(static_cast<int>(numberOf(pid)));
  return pids;
}

std::unique_ptr<Load> start(const std::string& work, Epoll& epoll, const Arguments& arguments) {
  const sockaddr_in at = parseAddress(valueOf(arguments, "at"));
  const auto connections = static_cast<size_t>(numberOf(valueOf(arguments, "connections")));
  if (work == "requests") return startRequests(epoll, at, connections);
  if (work == "connections") return startConnections(epoll, at, connections);
  if (work == "sink") return startStream(epoll, at, connections, Direction::kToEndpoint);
  if (work == "source") return startStream(epoll, at, connections, Direction::kToClient);
  if (work == "udp") return startUdp(epoll, at, connections);
  if (work == "latency") {
    return startLatency(epoll, at, connections, numberOf(valueOf(arguments, "per-second")));
  }
  fail("there is no work \"" + work + "\"");
}

void run(const std::string& work, const Arguments& arguments) {
  raiseOpenFiles();
  if (work == "endpoint") serveEndpoint();
  const std::vector<int> pids = pidsOf(valueOf(arguments, "pids"));
  if (work == "idle") {
    const auto connections = static_cast<size_t>(numberOf(valueOf(arguments, "connections")));
    return holdIdle(parseAddress(valueOf(arguments, "at")), connections, pids);
  }
  Epoll epoll;
  const std::unique_ptr<Load> load = start(work, epoll, arguments);
  measure(*load, epoll,
          {numberOf(valueOf(arguments, "warm-up-ms")) * kNsPerMs,
           numberOf(valueOf(arguments, "window-ms")) * kNsPerMs, pids});
}

}  // namespace

}  // namespace bench

int main(int count, char** arguments) {
  // Ctrl-C reaches every process of the terminal; the bench ends this one when it is ready to.
  std::signal(SIGINT, SIG_IGN);
  bench::Arguments named;
  for (int index = 2; index < count; index += 1) {
    const std::string argument = arguments[index];
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) bench::fail("\"" + argument + "\" is not KEY=VALUE");
    named[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  bench::run(count > 1 ? arguments[1] : "", named);
}
