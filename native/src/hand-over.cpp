#include "hand-over.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "connection-record.h"
#include "error-name.h"
#include "hand-over-channel.h"
#include "portal-record.h"
#include "protocol.h"
#include "relay.h"
#include "service-notify.h"
#include "session-record.h"
#include "tcp-connection.h"
#include "udp-portal.h"
#include "udp-session.h"
#include "worker.h"

namespace {

/// Of what is said over the channel. Fields may be added: whoever does not know one passes over it.
constexpr uint64_t kVersion = 1;

/// Of records that are on their way: the more, the less often one waits for the other.
constexpr int kBufferBytes = 512 * 1024;

/// How soon a word is tried again that the system had no memory for.
constexpr int kAgainMs = 10;

/// Sends everything, the order being that in which it can be read.
class Sender {
 public:
  Sender(Relay& relay, int channel) : relay_(relay), writer_(channel) {}

  bool send(int listenFd, uint64_t watchdogMs) {
    const UdpLimits& limits = relay_.udpLimits();
    Record record("relay");
    record.add("version", kVersion)
        .add("udp-idle-ms", limits.idleMs.load(std::memory_order_relaxed))
        .add("udp-reply-ms", limits.replyMs.load(std::memory_order_relaxed))
        .add("udp-sessions", static_cast<uint64_t>(limits.maxSessions.load(std::memory_order_relaxed)))
        .add("watchdog-ms", watchdogMs)
        .add("half-closed-ms", relay_.halfClosedMs())
        .add("open-files", static_cast<uint64_t>(relay_.filesSet()))
        .add("connections", static_cast<uint64_t>(relay_.connections().limit()))
        .addFile(listenFd);
    return writer_.write(record) && sendPortals() && sendConnections() && sendSessions() &&
           writer_.send(Record("end").add("connections", connections_).add("sessions", sessions_));
  }

 private:
  bool sendPortals() {
    bool sent = true;
    const auto sendOne = [&](const Portal& portal) {
      const size_t number = numbers_.size();
      numbers_.emplace(&portal, number);
      sent = sent && sendPortal(writer_, relay_, portal, number);
    };
    relay_.eachPortal(sendOne);
    relay_.eachClosed(sendOne);
    return sent;
  }

  bool sendConnections() {
    bool sent = true;
    const auto sendOne = [&](const TcpConnection& connection) {
      connections_++;
      sent = sent && sendConnection(writer_, connection, numbers_.at(&connection.portal));
    };
    for (const auto& worker : relay_.workers()) {
      for (const TcpConnection* each = worker->all.front(); each != nullptr; each = each->all.next)
        sendOne(*each);
      worker->eachExpected(sendOne);
    }
    return sent;
  }

  /// In the order of their last use, as the table of whoever takes them wants them.
  bool sendSessions() {
    std::vector<const UdpSession*> all;
    for (const auto& worker : relay_.workers())
      worker->udp->each([&](const UdpSession& session) { all.push_back(&session); });
    std::stable_sort(all.begin(), all.end(), [](const UdpSession* one, const UdpSession* other) {
      return one->lastUsedMs < other->lastUsedMs;
    });
    sessions_ = all.size();
    return std::all_of(all.begin(), all.end(), [&](const UdpSession* session) {
      return sendSession(writer_, *session, numbers_.at(&session->portal));
    });
  }

  Relay& relay_;
  RecordWriter writer_;
  std::map<const Portal*, size_t> numbers_;
  uint64_t connections_ = 0;
  uint64_t sessions_ = 0;
};

/// Reads what the old relay sends, up to its end.
class Reader {
 public:
  Reader(Relay& relay, RecordReader& records, double (*random)())
      : adopted_(relay), records_(records), random_(random) {}

  /// The control socket, or -1 and `wrong`.
  int read(ServiceNotify& notify, std::string& wrong) {
    while (wrong.empty()) {
      Record record;
      if (!records_.read(record, wrong)) break;
      if (record.kind() == "end") {
        if (record.number("connections") != connections_ || record.number("sessions") != sessions_ ||
            listenFd_ < 0 || adopted_.missing > 0)
          wrong = "not all that was announced has come";
        break;
      }
      wrong = take(record);
    }
    if (!wrong.empty()) return -1;
    beginTimers(adopted_);
    if (const int error = adopted_.relay.watchAdopted()) wrong = "epoll_ctl: " + errorName(error);
    if (!wrong.empty()) return -1;
    // Before the old one ends: the manager would take that for the end of the unit.
    notify.mainProcessIs(getpid(), watchdogMs_);
    return listenFd_;
  }

 private:
  std::string take(Record& record) {
    const std::string_view kind = record.kind();
    if (kind == "relay") return takeRelay(record);
    if (listenFd_ < 0) return "it does not begin as it should";
    if (kind == "portal") return readPortal(record, adopted_, random_);
    if (kind == "endpoint") return readEndpoint(record, adopted_);
    if (kind == "bond") return readBond(record, adopted_);
    if (kind == "connection") {
      connections_++;
      return readConnection(record, adopted_);
    }
    if (kind == "session") {
      sessions_++;
      return readSession(record, adopted_);
    }
    return "an unknown record: " + std::string(kind);
  }

  std::string takeRelay(Record& record) {
    const auto idleMs = record.number("udp-idle-ms");
    const auto sessions = record.number("udp-sessions");
    if (record.number("version") != kVersion || !idleMs || !sessions)
      return "it hands over in another way than this one takes over";
    adopted_.relay.setUdpIdleMs(*idleMs);
    if (const auto replyMs = record.number("udp-reply-ms")) setUdpReplyMs(adopted_.relay, *replyMs);
    adopted_.relay.setUdpSessions(static_cast<int64_t>(*sessions));
    watchdogMs_ = record.number("watchdog-ms").value_or(0);
    // One that does not know of it does not say it.
    adopted_.relay.setHalfClosedMs(record.number("half-closed-ms").value_or(0));
    adopted_.relay.setMaxConnections(static_cast<int64_t>(record.number("connections").value_or(0)));
    if (const auto files = static_cast<int64_t>(record.number("open-files").value_or(0)))
      adopted_.relay.setFiles(std::min(files, adopted_.relay.files().limit()));
    listenFd_ = record.takeFile(0);
    return {};
  }

  Adopted adopted_;
  RecordReader& records_;
  double (*random_)();
  int listenFd_ = -1;
  /// Of the unit that the old relay is the main process of.
  uint64_t watchdogMs_ = 0;
  uint64_t connections_ = 0;
  uint64_t sessions_ = 0;
};

/// For ever where that is 0 seconds.
void boundWaiting(int fd, int seconds) {
  const timeval most{seconds, 0};
  // They fail on no socket.
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

/// What the old one says after `taken`. It may say that it goes on, having given up before it read that; a
/// socket that closes with something unread resets first (unix(7), ECONNRESET), and what it has said comes
/// behind.
std::string readLastWord(int channel, RecordReader& records, bool& isToEnd) {
  boundWaiting(channel, 0);
  while (true) {
    std::string wrong;
    Record word;
    if (records.read(word, wrong)) {
      if (word.kind() != "ending") return "it goes on";
      isToEnd = true;
    } else if (wrong == RecordReader::kEnded) {
      return {};
    } else if (errno != ECONNRESET) {
      return wrong;
    }
  }
}

/// Who is at the other end of a Unix socket (unix(7), SO_PEERCRED).
int processOf(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

/// Asks the old relay for a channel: a descriptor, or -1 and `wrong`.
int askForChannel(int oldFd, std::string& wrong) {
  static constexpr std::string_view kRequest = "1 hello 1\n2 hand-over\n";
  if (send(oldFd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size())) {
    wrong = "send: " + errorName(errno);
    return -1;
  }
  std::string heard;
  while (true) {
    char bytes[kMaxLineBytes];
    iovec part{bytes, sizeof bytes};
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(oldFd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      wrong = got == 0 ? "it has closed the connection" : "recvmsg: " + errorName(errno);
      return -1;
    }
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int channel = -1;
      memcpy(&channel, CMSG_DATA(header), sizeof channel);
      return channel;
    }
    heard.append(bytes, static_cast<size_t>(got));
    const size_t error = heard.find("2 error ");
    if (error != std::string::npos && heard.find('\n', error) != std::string::npos) {
      wrong = "it says: " + heard.substr(error + 2, heard.find('\n', error) - error - 2);
      return -1;
    }
  }
}

}  // namespace

bool sendWithFile(int fd, const std::string& line, int file) {
  iovec part{const_cast<char*>(line.data()), line.size()};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof file)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof file);
  memcpy(CMSG_DATA(header), &file, sizeof file);
  return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(line.size());
}

bool openHandOverChannel(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  for (int end = 0; end < 2; end++) {
    // Where the system allows less (net.core.wmem_max), that is enough, too.
    setsockopt(ends[end], SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
    boundWaiting(ends[end], kHandOverSeconds);
  }
  return true;
}

bool handOver(Relay& relay, int listenFd, const ServiceNotify* notify, int channel, std::string& wrong) {
  if (!Sender(relay, channel).send(listenFd, notify == nullptr ? 0 : notify->watchdogMs())) {
    wrong = "sendmsg: " + errorName(errno);
  } else {
    RecordReader answers(channel);
    Record answer;
    if (answers.read(answer, wrong) && answer.kind() == "taken") return true;
    if (wrong.empty()) wrong = "the other relay says neither that it has taken over nor that it has not";
  }
  // It may have said so meanwhile, and takes silence for its turn to serve. Where it is not there any more,
  // nobody needs to hear it.
  RecordWriter last(channel);
  while (!last.send(Record("resumed")) && errno != EPIPE && errno != ECONNRESET) poll(nullptr, 0, kAgainMs);
  return false;
}

void passSignalOn(int channel) {
  // Where it has gone, nobody is left to end.
  RecordWriter(channel).send(Record("ending"));
}

TakenOver takeOver(Relay& relay, ServiceNotify& notify, int oldFd, double (*random)()) {
  TakenOver taken;
  std::string& wrong = taken.wrong;
  boundWaiting(oldFd, kHandOverSeconds);
  const int channel = askForChannel(oldFd, wrong);
  if (channel < 0) return taken;
  RecordReader records(channel);
  const int listenFd = Reader(relay, records, random).read(notify, wrong);
  if (listenFd >= 0) {
    // Where the other has left already, its last word tells whether it serves, or nobody does.
    RecordWriter(channel).send(Record("taken"));
    wrong = readLastWord(channel, records, taken.isToEnd);
  }
  if (!wrong.empty() && listenFd >= 0) notify.mainProcessIs(processOf(channel), 0);
  if (wrong.empty()) taken.listenFd = listenFd;
  close(channel);
  return taken;
}
