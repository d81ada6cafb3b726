// Where records pass from a relay to the one that follows it: a Unix socket of packets, several records to
// each, in order. Of more bytes than fit in a packet the first come before it, in records of the kind
// `bytes`.
//
// Neither owns the socket. A reader owns the descriptors of records that nobody has asked for yet.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "hand-over-record.h"

class RecordWriter {
 public:
  explicit RecordWriter(int channel) : channel_(channel) {}

  // False, each, where the other end has gone, or does not read: errno says which.
  /// It may leave later, with others.
  bool write(const Record& record);
  bool flush();
  /// At once.
  bool send(const Record& record) { return write(record) && flush(); }

 private:
  bool writeWhole(std::string_view line, std::string_view bytes, const std::vector<int>& files);

  const int channel_;
  std::string packet_;
  std::vector<int> files_;
};

class RecordReader {
 public:
  explicit RecordReader(int channel) : channel_(channel) {}
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  /// The next record, for one that is empty. False where there is none, or it is none: `wrong` says why,
  /// kEnded where the channel has ended.
  bool read(Record& record, std::string& wrong);
  static constexpr const char* kEnded = "the other relay has ended, or given up";

 private:
  bool receive(std::string& wrong);
  bool split(Record& record, std::string& wrong);

  const int channel_;
  std::string packet_;
  size_t read_ = 0;
  std::vector<int> files_;
  size_t filesRead_ = 0;
};
