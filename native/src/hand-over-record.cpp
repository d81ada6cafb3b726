#include "hand-over-record.h"

#include <unistd.h>

#include <charconv>
#include <cstring>

namespace {

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

Record& Record::add(const char* key, uint64_t value) {
  char digits[20];
  return add(
      key, std::string_view(digits, static_cast<size_t>(
                                        std::to_chars(digits, digits + sizeof digits, value).ptr - digits)));
}

Record& Record::add(const char* key, const SocketAddress& address) {
  char hex[2 * sizeof address];
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&address);
  for (size_t i = 0; i < address.length(); i++) {
    hex[2 * i] = kDigits[bytes[i] >> 4];
    hex[2 * i + 1] = kDigits[bytes[i] & 0xf];
  }
  return add(key, std::string_view(hex, 2 * address.length()));
}

Record& Record::addBytes(const uint8_t* bytes, size_t length) {
  if (length > 0) bytes_.append(reinterpret_cast<const char*>(bytes), length);
  return *this;
}

Record& Record::addFile(int fd) {
  files_.push_back(fd);
  return *this;
}

std::string_view Record::kind() const { return std::string_view(line_).substr(0, line_.find(' ')); }

std::optional<std::string_view> Record::text(const char* key) const {
  const std::string_view line = line_;
  const std::string_view wanted = key;
  size_t from = line.find(' ');
  while (from != std::string_view::npos) {
    const size_t to = line.find(' ', ++from);
    const std::string_view word = line.substr(from, to - from);
    if (word.size() > wanted.size() && word[wanted.size()] == '=' && word.substr(0, wanted.size()) == wanted)
      return word.substr(wanted.size() + 1);
    from = to;
  }
  return std::nullopt;
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
