// One thing that a relay which leaves has, for the one that follows it: a line of text, with bytes behind it,
// and file descriptors beside it (unix(7), SCM_RIGHTS). The line is `KIND KEY=VALUE…`, values without spaces;
// addresses are in hexadecimal, exactly as the kernel gave them. How records travel: hand-over-channel.h.
//
// A record that was received owns its descriptors until they are taken from it; one that is sent owns none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "address.h"

class Record {
 public:
  Record() = default;
  explicit Record(std::string_view kind) : line_(kind) {}
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  // To be sent:
  Record& add(const char* key, std::string_view value);
  Record& add(const char* key, uint64_t value);
  Record& add(const char* key, const SocketAddress& address);
  Record& addBytes(const uint8_t* bytes, size_t length);
  Record& addFile(int fd);

  // Received:
  std::string_view kind() const;
  std::optional<std::string_view> text(const char* key) const;
  /// Decimal, as add() writes it.
  std::optional<uint64_t> number(const char* key) const;
  std::optional<SocketAddress> address(const char* key) const;
  std::string_view bytes() const { return bytes_; }
  size_t files() const { return files_.size(); }
  /// The caller's from now on; -1 where there is none.
  int takeFile(size_t index);

 private:
  friend class RecordWriter;
  friend class RecordReader;
  std::string line_;
  std::string bytes_;
  std::vector<int> files_;
  bool ownsFiles_ = false;
};
