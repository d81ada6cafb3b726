#include "hand-over-record.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error-name.h"

namespace {

/// A connection's: two sockets, and a pipe for each direction.
constexpr size_t kMostFiles = 8;

/// Two directions' held bytes at most, and the line.
constexpr size_t kMostBytes = 192 * 1024;

/// The receiver lags: descriptors on their way count against the sender's limit (unix(7), ETOOMANYREFS).
constexpr int kLagMs = 1;
constexpr int kMostLags = 10'000;

constexpr char kDigits[] = "0123456789abcdef";

int hexDigit(char digit) {
  const char* const found = digit == '\0' ? nullptr : strchr(kDigits, digit);
  return found == nullptr ? -1 : static_cast<int>(found - kDigits);
}

}  // namespace

Record::~Record() {
  if (!ownsFiles_) return;
  for (const int fd : files_)
    if (fd >= 0) close(fd);
}

Record& Record::add(const char* key, std::string_view value) {
  line_ += ' ';
  line_ += key;
  line_ += '=';
  line_ += value;
  return *this;
}

Record& Record::add(const char* key, const SocketAddress& address) {
  std::string hex;
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&address);
  for (size_t i = 0; i < address.length(); i++) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 0xf];
  }
  return add(key, hex);
}

Record& Record::addBytes(const uint8_t* bytes, size_t length) {
  if (length > 0) bytes_.append(reinterpret_cast<const char*>(bytes), length);
  return *this;
}

Record& Record::addFile(int fd) {
  files_.push_back(fd);
  return *this;
}

bool Record::send(int channel) const {
  const std::string whole = line_ + '\n' + bytes_;
  iovec part{const_cast<char*>(whole.data()), whole.size()};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostFiles * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!files_.empty()) {
    const size_t length = files_.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(length);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), files_.data(), length);
  }
  for (int lags = 0; lags < kMostLags; lags++) {
    if (sendmsg(channel, &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno == ETOOMANYREFS)
      poll(nullptr, 0, kLagMs);
    else if (errno != EINTR)
      return false;
  }
  return false;
}

bool Record::receive(int channel, std::string& wrong) {
  // Of the control thread, which alone receives: every record would have to clear one of its own.
  static char whole[kMostBytes];
  iovec part{whole, sizeof whole};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostFiles * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0) {
    wrong = got == 0 ? kEnded : "recvmsg: " + errorName(errno);
    return false;
  }
  ownsFiles_ = true;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t before = files_.size();
    files_.resize(before + count);
    memcpy(files_.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    wrong = "a record with more than fits, or more files than may be open";
    return false;
  }
  const std::string_view all(whole, static_cast<size_t>(got));
  const size_t end = all.find('\n');
  if (end == std::string_view::npos) {
    wrong = "a record without a line";
    return false;
  }
  line_ = all.substr(0, end);
  bytes_ = all.substr(end + 1);
  return true;
}

std::string_view Record::kind() const { return std::string_view(line_).substr(0, line_.find(' ')); }

std::optional<std::string_view> Record::text(const char* key) const {
  const std::string wanted = ' ' + std::string(key) + '=';
  const size_t found = line_.find(wanted);
  if (found == std::string::npos) return std::nullopt;
  const size_t from = found + wanted.size();
  return std::string_view(line_).substr(from, line_.find(' ', from) - from);
}

std::optional<uint64_t> Record::number(const char* key) const {
  const auto digits = text(key);
  if (!digits || digits->empty() || digits->size() > 20) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : *digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

std::optional<SocketAddress> Record::address(const char* key) const {
  const auto hex = text(key);
  SocketAddress address;
  if (!hex || hex->size() % 2 != 0 || hex->size() > 2 * sizeof address) return std::nullopt;
  auto* const bytes = reinterpret_cast<uint8_t*>(&address);
  for (size_t i = 0; i < hex->size(); i += 2) {
    const int high = hexDigit((*hex)[i]);
    const int low = hexDigit((*hex)[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i / 2] = static_cast<uint8_t>(high * 16 + low);
  }
  const bool whole = (address.family() == AF_INET || address.family() == AF_INET6) &&
                     hex->size() == 2 * static_cast<size_t>(address.length());
  return whole ? std::optional(address) : std::nullopt;
}

int Record::takeFile(size_t index) { return index < files_.size() ? std::exchange(files_[index], -1) : -1; }
