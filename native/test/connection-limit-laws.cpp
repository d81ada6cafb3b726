// What threads make of a ConnectionLimit, for a spec to look at: `connection-limit-laws THREADS LIMIT
// ROUNDS`. Each thread takes a place, holds it for a turn of the scheduler and gives it back, ROUNDS times;
// and asks whether it is news wherever it finds none, at one and the same time of the clock.
//
//   most N      how many places were taken at once, counted beside the limit
//   refused N   how often there was none
//   told N      how often that was news
//   again B A   whether it is news just before a minute has passed, and then
//   left N      places that can be taken when all were given back
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../src/connection-limit.h"

namespace {

constexpr uint64_t kNowMs = 1'000;
constexpr uint64_t kMinuteMs = 60'000;

struct Seen {
  std::atomic<int64_t> open{0}, most{0}, refused{0}, told{0};
};

void visit(ConnectionLimit& limit, Seen& seen) {
  while (!limit.take()) {
    seen.refused++;
    if (limit.isNews(kNowMs)) seen.told++;
    std::this_thread::yield();
  }
  const int64_t open = ++seen.open;
  int64_t most = seen.most.load();
  while (open > most && !seen.most.compare_exchange_weak(most, open)) {
  }
  std::this_thread::yield();
  seen.open--;
  limit.give();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return EXIT_FAILURE;
  const long threads = std::strtol(argv[1], nullptr, 10);
  const long places = std::strtol(argv[2], nullptr, 10);
  const long rounds = std::strtol(argv[3], nullptr, 10);
  ConnectionLimit limit;
  limit.set(places);
  Seen seen;
  std::vector<std::thread> all;
  for (long i = 0; i < threads; i++)
    all.emplace_back([&] {
      for (long round = 0; round < rounds; round++) visit(limit, seen);
    });
  for (std::thread& thread : all) thread.join();
  const bool before = limit.isNews(kNowMs + kMinuteMs - 1);
  const bool after = limit.isNews(kNowMs + kMinuteMs);
  long left = 0;
  while (limit.take()) left++;
  std::printf("most %ld\nrefused %ld\ntold %ld\nagain %d %d\nleft %ld\n", static_cast<long>(seen.most),
              static_cast<long>(seen.refused), static_cast<long>(seen.told), before, after, left);
}
