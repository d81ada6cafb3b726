// A relay that gives its place away and does what it is told, for specs of what may go wrong between it and
// the one that follows (spec/relay/native/hand-over-ends.spec.ts). It has one connection, of which bytes wait
// in a pipe for an endpoint that has room, while its client is silent: a moment in a relay's turn.
//
//   hand-over-predecessor SOCKET ENDPOINT    listens, and says `listens PID`; the socket was made by another
//                                            process, as after an upgrade before this one
//   give      waits for who follows, and gives all: says `given`
//   finish    waits for the FIN of the client's peer, and sends its own: says `finished`
//   wait      until the other has said that it has taken it: says `taken`, or what else
//   resume    says that it goes on, and closes the channel: says `resumed`
//   ending    says that it has been asked to end, and closes the channel: says `left`
//   leave     closes the channel: says `left`
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "../src/address.h"
#include "../src/hand-over-channel.h"

namespace {

constexpr size_t kPiped = 1000;

void say(const std::string& line) { std::cout << line << std::endl; }

[[noreturn]] void die(const char* what) {
  say(std::string(what) + ": " + strerror(errno));
  exit(1);
}

int listenOn(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 4) != 0)
    die("listen");
  return fd;
}

SocketAddress nameOf(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
  SocketAddress address;
  socklen_t length = sizeof address;
  if (get(fd, &address.base, &length) != 0) die("getsockname");
  return address;
}

int connectTo(const SocketAddress& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, &address.base, address.length()) != 0) die("connect");
  return fd;
}

/// A channel, given to whoever asks for it.
int offerChannel(int listenFd) {
  const int peer = accept4(listenFd, nullptr, nullptr, SOCK_CLOEXEC);
  const std::string greeting = "kube-splice-relay 1 pid=1 threads=1 files=9 uid=0 seccomp=off\n1 ok\n";
  if (send(peer, greeting.data(), greeting.size(), MSG_NOSIGNAL) < 0) die("send");
  std::string asked;
  while (asked.find("hand-over\n") == std::string::npos) {
    char bytes[4096];
    const ssize_t got = recv(peer, bytes, sizeof bytes, 0);
    if (got <= 0) die("recv");
    asked.append(bytes, static_cast<size_t>(got));
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) die("socketpair");
  // As a relay does that wants an answer in time.
  const timeval most{10, 0};
  for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  char line[] = "2 ok\n";
  iovec part{line, sizeof line - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
  if (sendmsg(peer, &message, MSG_NOSIGNAL) < 0) die("sendmsg");
  close(ends[1]);
  return ends[0];
}

/// The connection's client, which stays here, and silent. So do the sockets that were given, as those of a
/// relay do until the kernel has taken it apart.
int giveAll(int channel, int listenFd, const SocketAddress& endpoint) {
  SocketAddress bound = *parseAddress("127.0.0.1", 0);
  const int portal = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(portal, &bound.base, bound.length()) != 0 || listen(portal, 4) != 0) die("listen");
  bound = nameOf(portal, getsockname);
  const int client = connectTo(bound);
  int served = -1;
  while (served < 0) served = accept4(portal, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  int pipes[2];
  const std::string bytes(kPiped, 'x');
  if (pipe2(pipes, O_NONBLOCK | O_CLOEXEC) != 0 || write(pipes[1], bytes.data(), bytes.size()) < 0)
    die("pipe");
  const int toEndpoint = connectTo(endpoint);
  RecordWriter writer(channel);
  const std::string key = endpointText(endpoint);
  const bool sent = writer.write(Record("relay")
                                     .add("version", 1)
                                     .add("udp-idle-ms", 250)
                                     .add("udp-sessions", 100)
                                     .addFile(listenFd)) &&
                    writer.write(Record("portal")
                                     .add("name", "default/web")
                                     .add("protocol", "tcp")
                                     .add("bound", bound)
                                     .add("affinity", uint64_t{0})
                                     .add("endpoints", 1)
                                     .addFile(portal)) &&
                    writer.write(Record("endpoint")
                                     .add("portal", uint64_t{0})
                                     .add("key", key)
                                     .add("address", endpoint)
                                     .add("state", "current")
                                     .add("total", 1)) &&
                    writer.write(Record("connection")
                                     .add("portal", uint64_t{0})
                                     .add("client", nameOf(client, getsockname))
                                     .add("state", "spliced")
                                     .add("endpoint", key)
                                     .add("family", AF_INET)
                                     .add("unpaced", uint64_t{0})
                                     .add("tries", 1)
                                     .add("timed", uint64_t{0})
                                     .add("due", uint64_t{0})
                                     .add("tried", "-")
                                     .add("to-endpoint", "-s")
                                     .add("to-endpoint-piped", kPiped)
                                     .add("to-endpoint-held", uint64_t{0})
                                     .add("to-client", "-")
                                     .add("to-client-piped", uint64_t{0})
                                     .add("to-client-held", uint64_t{0})
                                     .addFile(served)
                                     .addFile(toEndpoint)
                                     .addFile(pipes[0])
                                     .addFile(pipes[1])) &&
                    writer.send(Record("end").add("connections", 1).add("sessions", uint64_t{0}));
  if (!sent) die("sendmsg");
  return client;
}

void obey(int listenFd, const SocketAddress& endpoint) {
  int channel = -1;
  int client = -1;
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line == "give") {
      channel = offerChannel(listenFd);
      client = giveAll(channel, listenFd, endpoint);
      say("given");
    } else if (line == "finish") {
      char byte = 0;
      if (recv(client, &byte, 1, 0) != 0) die("the client has no FIN");
      shutdown(client, SHUT_WR);
      say("finished");
    } else if (line == "wait") {
      RecordReader records(channel);
      Record record;
      std::string wrong;
      say(records.read(record, wrong) ? std::string(record.kind()) : wrong);
    } else if (line == "resume") {
      if (!RecordWriter(channel).send(Record("resumed"))) die("sendmsg");
      close(channel);
      say("resumed");
    } else if (line == "ending") {
      if (!RecordWriter(channel).send(Record("ending"))) die("sendmsg");
      close(channel);
      say("left");
    } else if (line == "leave") {
      close(channel);
      say("left");
    }
  }
}

}  // namespace

int main(int count, char** words) {
  const auto endpoint = count == 3 ? parseEndpoint(words[2]) : std::nullopt;
  if (!endpoint) return 2;
  const int listenFd = listenOn(words[1]);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child > 0) {
    close(listenFd);
    waitpid(child, nullptr, 0);
    return 0;
  }
  say("listens " + std::to_string(getpid()));
  obey(listenFd, *endpoint);
  return 0;
}
