#include "failure.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

void failWith(const std::string& what, int error) { fail(what + ": " + std::strerror(error)); }

}  // namespace bench
