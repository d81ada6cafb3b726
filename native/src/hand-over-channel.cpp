#include "hand-over-channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "error-name.h"

namespace {

/// The kernel takes 253 at most (SCM_MAX_FD).
constexpr size_t kMostFiles = 200;

/// Of one packet; the least that a socket holds by default is several times as much (socket(7),
/// wmem_default).
constexpr size_t kMostBytes = 32 * 1024;
constexpr size_t kMostBytesOfRecord = 16 * 1024;

/// The receiver lags: descriptors on their way count against the sender's limit (unix(7), ETOOMANYREFS).
constexpr int kLagMs = 1;
constexpr int kMostLags = 10'000;

}  // namespace

bool RecordWriter::write(const Record& record) {
  std::string_view bytes = record.bytes_;
  while (bytes.size() > kMostBytesOfRecord) {
    if (!writeWhole("bytes", bytes.substr(0, kMostBytesOfRecord), {})) return false;
    bytes.remove_prefix(kMostBytesOfRecord);
  }
  return writeWhole(record.line_, bytes, record.files_);
}

bool RecordWriter::writeWhole(std::string_view line, std::string_view bytes, const std::vector<int>& files) {
  Record counted(line);
  if (!bytes.empty()) counted.add("bytes", bytes.size());
  if (!files.empty()) counted.add("files", files.size());
  const size_t length = counted.line_.size() + 1 + bytes.size();
  if ((packet_.size() + length > kMostBytes || files_.size() + files.size() > kMostFiles) && !flush())
    return false;
  packet_.append(counted.line_).append("\n").append(bytes);
  files_.insert(files_.end(), files.begin(), files.end());
  return true;
}

bool RecordWriter::flush() {
  if (packet_.empty()) return true;
  iovec part{packet_.data(), packet_.size()};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostFiles * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!files_.empty()) {
    const size_t length = files_.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(length);
    memset(control, 0, message.msg_controllen);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), files_.data(), length);
  }
  for (int lags = 0; lags < kMostLags; lags++) {
    if (sendmsg(channel_, &message, MSG_NOSIGNAL) >= 0) {
      packet_.clear();
      files_.clear();
      return true;
    }
    if (errno == ETOOMANYREFS)
      poll(nullptr, 0, kLagMs);
    else if (errno != EINTR)
      return false;
  }
  return false;
}

RecordReader::~RecordReader() {
  for (size_t i = filesRead_; i < files_.size(); i++) close(files_[i]);
}

bool RecordReader::read(Record& record, std::string& wrong) {
  std::string before;
  while (true) {
    if (read_ == packet_.size() && !receive(wrong)) return false;
    if (!split(record, wrong)) return false;
    if (record.kind() != "bytes") break;
    before += record.bytes_;
  }
  if (!before.empty()) record.bytes_.insert(0, before);
  return true;
}

bool RecordReader::receive(std::string& wrong) {
  packet_.resize(kMostBytes);
  read_ = filesRead_ = 0;
  files_.clear();
  iovec part{packet_.data(), packet_.size()};
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(kMostFiles * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do got = recvmsg(channel_, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  const int error = errno;
  packet_.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (got <= 0) {
    wrong = got == 0 ? kEnded : "recvmsg: " + errorName(error);
    errno = error;
    return false;
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t before = files_.size();
    files_.resize(before + count);
    memcpy(files_.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    wrong = "a packet with more than fits, or more files than may be open";
    return false;
  }
  return true;
}

/// The next record of the packet.
bool RecordReader::split(Record& record, std::string& wrong) {
  const std::string_view rest = std::string_view(packet_).substr(read_);
  const size_t end = rest.find('\n');
  record.line_ = rest.substr(0, end);
  const uint64_t bytes = record.number("bytes").value_or(0);
  const uint64_t files = record.number("files").value_or(0);
  if (end == std::string_view::npos || bytes > rest.size() - end - 1 || files > files_.size() - filesRead_) {
    wrong = "a record without an end";
    return false;
  }
  record.bytes_ = rest.substr(end + 1, bytes);
  read_ += end + 1 + bytes;
  const auto from = files_.begin() + static_cast<ptrdiff_t>(filesRead_);
  record.files_.assign(from, from + static_cast<ptrdiff_t>(files));
  record.ownsFiles_ = true;
  filesRead_ += files;
  return true;
}
