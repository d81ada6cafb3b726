// Feeds bytes to the request parser, once whole and once in pieces: the same must come of both, within the
// parser's bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "../src/protocol.h"

namespace {

void check(bool holds) {
  if (!holds) abort();
}

void checkBounds(const Parsed& parsed) {
  const Request& request = parsed.request;
  check(!request.tag.empty() && request.tag.size() <= 15);
  check(request.name.size() <= kMaxNameBytes);
  check(request.endpoints.size() <= kMaxLines && request.names.size() <= kMaxLines);
  check(request.affinitySeconds <= 86'400);
  check((parsed.error == nullptr) == parsed.text.empty());
  for (const char byte : parsed.text) check(byte >= 0x20 && byte <= 0x7e);
  check(errorLine(request.tag, "SYNTAX", parsed.text).size() <= kMaxLineBytes + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<Parsed> whole;
  RequestParser().feed(bytes, whole);

  // The length of each piece is taken from the bytes themselves.
  std::vector<Parsed> pieces;
  RequestParser parser;
  for (size_t from = 0; from < size;) {
    const size_t length = 1 + data[from] % 37U;
    parser.feed(bytes.substr(from, length), pieces);
    from += length;
  }

  check(whole.size() == pieces.size());
  for (size_t i = 0; i < whole.size(); i++) {
    checkBounds(whole[i]);
    check(whole[i].request.tag == pieces[i].request.tag && whole[i].text == pieces[i].text);
    check(whole[i].request.endpoints.size() == pieces[i].request.endpoints.size());
    check(whole[i].request.names == pieces[i].request.names);
  }
  return 0;
}
