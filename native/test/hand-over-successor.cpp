// A relay that asks another for its place and does what it is told, for specs of what may go wrong between
// the two (spec/relay/native/hand-over-ends.spec.ts). It keeps every file that it gets until it ends.
//
//   hand-over-successor SOCKET     asks, and says `channel`, or what was answered
//   read      reads records up to `end`: says `read` and how many files came
//   taken     says so to the other
//   word      waits for what the other says last: says its kind, or why there is none
//   close     closes the channel: says `closed`
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "../src/hand-over-channel.h"

namespace {

int connectTo(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? fd : -1;
}

/// The channel; where there is none, -1 and what was answered to the request.
int askForChannel(int fd, std::string& heard) {
  static constexpr char kRequest[] = "1 hello 1\n2 hand-over\n";
  if (send(fd, kRequest, sizeof kRequest - 1, MSG_NOSIGNAL) < 0) return -1;
  while (true) {
    char bytes[4096];
    iovec part{bytes, sizeof bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) return -1;
    heard.append(bytes, static_cast<size_t>(got));
    if (const cmsghdr* const header = CMSG_FIRSTHDR(&message)) {
      int channel = -1;
      memcpy(&channel, CMSG_DATA(header), sizeof channel);
      return channel;
    }
    const size_t from = heard.find("\n2 ") + 1;
    if (from > 0 && heard.find('\n', from) != std::string::npos) {
      heard = heard.substr(from, heard.find('\n', from) - from);
      return -1;
    }
  }
}

void say(const std::string& line) { std::cout << line << std::endl; }

void readAll(RecordReader& records, std::vector<int>& kept) {
  while (true) {
    Record record;
    std::string wrong;
    if (!records.read(record, wrong)) return say(wrong);
    for (size_t i = 0; i < record.files(); i++) kept.push_back(record.takeFile(i));
    if (record.kind() == "end") return say("read " + std::to_string(kept.size()));
  }
}

void hearLastWord(RecordReader& records) {
  Record record;
  std::string wrong;
  say(records.read(record, wrong) ? std::string(record.kind()) : wrong);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  const int fd = connectTo(words[1]);
  std::string heard;
  const int channel = fd < 0 ? -1 : askForChannel(fd, heard);
  say(channel < 0 ? heard : "channel");
  RecordReader records(channel);
  std::vector<int> kept;
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line == "read") readAll(records, kept);
    if (line == "taken") say(RecordWriter(channel).send(Record("taken")) ? "said" : strerror(errno));
    if (line == "word") hearLastWord(records);
    if (line == "close") {
      close(channel);
      say("closed");
    }
  }
  return 0;
}
