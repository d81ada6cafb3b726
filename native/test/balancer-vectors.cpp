// Drives the balancer for spec/relay/native/balancer-vectors.spec.ts. Without arguments it takes one step a
// line on stdin and answers each pick with a line:
//
//   new RANDOM                   a new balancer, whose random numbers are all RANDOM
//   route SECONDS AT KEY...      affinity (0 is none), time in ms, endpoints
//   pick CLIENT AT TRIED...      prints the endpoint's key, `-` for none
//   forget CLIENT KEY
//   failed KEY AT           a dial failed; the random number is RANDOM
//   succeeded KEY AT
//   silent KEY SINCE        what was begun then has ended without a sign of life
//
// With the argument `hammer` it lets four threads pick while the table is replaced, and fails (exit 1) unless
// every endpoint was served equally often; and while one endpoint always fails, unless that one was hardly
// picked and the others equally often. main() owns the balancer; threads end before it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "../src/balancer.h"

namespace {

double theRandom = 0;
double sameRandom() { return theRandom; }

ClientIP clientOf(const std::string& name) {
  ClientIP client{};
  memcpy(client.data(), name.data(), std::min(name.size(), client.size()));
  return client;
}

Endpoint* endpointOf(const Balancer& balancer, const std::string& key) {
  Endpoint* found = nullptr;
  balancer.eachEndpoint([&](Endpoint& endpoint) {
    if (endpoint.key == key) found = &endpoint;
  });
  return found;
}

std::vector<RoutedEndpoint> routed(const std::vector<std::string>& keys) {
  std::vector<RoutedEndpoint> endpoints;
  endpoints.reserve(keys.size());
  for (const std::string& key : keys) endpoints.push_back({key, SocketAddress{}, false});
  return endpoints;
}

std::vector<std::string> rest(std::istringstream& line) {
  std::vector<std::string> words;
  for (std::string word; line >> word;) words.push_back(word);
  return words;
}

int runSteps() {
  std::unique_ptr<Balancer> balancer;
  for (std::string text; std::getline(std::cin, text);) {
    std::istringstream line(text);
    std::string step;
    std::string client;
    uint64_t at = 0;
    line >> step;
    if (step == "new") {
      line >> theRandom;
      balancer = std::make_unique<Balancer>(sameRandom);
    } else if (balancer == nullptr) {
      fprintf(stderr, "a step before `new`\n");
      return 2;
    } else if (step == "route") {
      uint32_t affinitySeconds = 0;
      line >> affinitySeconds >> at;
      balancer->route(routed(rest(line)), affinitySeconds, at);
      // Nobody picks meanwhile.
      balancer->reclaim();
    } else if (step == "pick") {
      line >> client >> at;
      Tried tried;
      for (const std::string& key : rest(line))
        if (const Endpoint* endpoint = endpointOf(*balancer, key)) tried.add(endpoint);
      const Picked picked = balancer->pick(clientOf(client), at, tried);
      puts(picked.endpoint == nullptr ? "-" : picked.endpoint->key.c_str());
      if (picked.endpoint != nullptr) release(picked.endpoint);
    } else if (step == "forget") {
      std::string key;
      line >> client >> key;
      if (const Endpoint* endpoint = endpointOf(*balancer, key)) balancer->forget(clientOf(client), endpoint);
    } else if (step == "failed" || step == "succeeded" || step == "silent") {
      std::string key;
      line >> key >> at;
      Endpoint* const endpoint = endpointOf(*balancer, key);
      if (endpoint != nullptr && step == "failed") dialFailed(endpoint, at, theRandom);
      if (endpoint != nullptr && step == "succeeded") dialSucceeded(endpoint);
      if (endpoint != nullptr && step == "silent") endedSilently(endpoint, at);
    } else {
      fprintf(stderr, "no such step: %s\n", text.c_str());
      return 2;
    }
  }
  return 0;
}

constexpr unsigned kThreads = 4;
/// What each case lasts for at least: rounds of each thread (one pick for every endpoint each), and calls of
/// `meanwhile`.
constexpr uint64_t kRounds = 20'000;
constexpr uint64_t kCalls = 100;
const std::vector<std::string> kKeys = {"A", "B", "C", "D", "E", "F", "G"};

/// How far a thread has come: between two rounds it holds nothing of the balancer.
struct alignas(64) Progress {
  std::atomic<uint64_t> rounds{0};
};

struct Served {
  std::map<std::string, uint64_t> times;
  uint64_t rounds = 0;
};

/// Picks n endpoints a round from each thread, while `meanwhile(call)` is called from here again and again.
template <typename Meanwhile>
Served pickFromThreads(Balancer& balancer, Meanwhile meanwhile) {
  Progress progress[kThreads];
  Served served[kThreads];
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; i++) {
    threads.emplace_back([&, i] {
      const ClientIP client = clientOf(std::to_string(i));
      uint64_t round = 0;
      while (round < kRounds || !enough.load(std::memory_order_relaxed)) {
        for (size_t n = 0; n < kKeys.size(); n++) {
          const Picked picked = balancer.pick(client, round, Tried{});
          if (picked.endpoint == nullptr) continue;
          served[i].times[picked.endpoint->key]++;
          release(picked.endpoint);
        }
        progress[i].rounds.store(++round, std::memory_order_release);
      }
      served[i].rounds = round;
      progress[i].rounds.store(UINT64_MAX, std::memory_order_release);
    });
  }
  const auto roundsOf = [&](unsigned i) { return progress[i].rounds.load(std::memory_order_acquire); };
  for (uint64_t call = 0; call < kCalls; call++) {
    meanwhile(call);
    // As the relay does: what was replaced is freed once every thread has passed since. The second round that
    // ends is one that began after the call.
    for (unsigned i = 0; i < kThreads; i++) {
      const uint64_t before = roundsOf(i);
      while (roundsOf(i) != UINT64_MAX && roundsOf(i) < before + 2) std::this_thread::yield();
    }
    balancer.reclaim();
  }
  enough.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  Served all;
  for (const Served& one : served) {
    all.rounds += one.rounds;
    for (const auto& [key, times] : one.times) all.times[key] += times;
  }
  return all;
}

bool isEven(const char* what, const Served& served) {
  bool even = served.times.size() == kKeys.size();
  for (const auto& [key, times] : served.times) even = even && times == served.rounds;
  printf("%s: %s\n", what, even ? "even" : "uneven");
  if (!even)
    for (const auto& [key, times] : served.times)
      printf("  %s %ju of %ju\n", key.c_str(), uintmax_t{times}, uintmax_t{served.rounds});
  return even;
}

/// Four threads dial, A always in vain, through `kFailingMs` of a clock that they share.
bool setsAsideFromThreads() {
  constexpr uint64_t kFailingMs = 40'000;
  Balancer balancer(sameRandom);
  balancer.route(routed(kKeys), 0, 0);
  std::atomic<uint64_t> nowMs{0};
  std::map<std::string, uint64_t> served[kThreads];
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; i++) {
    threads.emplace_back([&, i] {
      for (uint64_t now = 0; now < kFailingMs; now = nowMs.fetch_add(1, std::memory_order_relaxed)) {
        const Picked picked = balancer.pick(clientOf(std::to_string(i)), now, Tried{});
        served[i][picked.endpoint->key]++;
        if (picked.endpoint->key == "A")
          dialFailed(picked.endpoint, now, theRandom);
        else
          dialSucceeded(picked.endpoint);
        release(picked.endpoint);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, uint64_t> times;
  for (const auto& one : served)
    for (const auto& [key, count] : one) times[key] += count;
  const uint64_t onA = times["A"];
  times.erase("A");
  uint64_t least = UINT64_MAX;
  uint64_t most = 0;
  for (const auto& [key, count] : times) {
    least = std::min(least, count);
    most = std::max(most, count);
  }
  // Three in a row, those of the other threads meanwhile, and a trial after each while: 1, 2, 4, 8, 16 s,
  // less an eighth for the random number.
  const bool rare = onA >= 3 + 5 && onA <= 3 + (kThreads - 1) + 6;
  const bool even = times.size() == kKeys.size() - 1 && most - least <= 1;
  printf("one that fails: %s, the others %s\n", rare ? "hardly picked" : "picked too often or never",
         even ? "even" : "uneven");
  if (!rare || !even)
    printf("  %ju of it, %ju to %ju of each other\n", uintmax_t{onA}, uintmax_t{least}, uintmax_t{most});
  return rare && even;
}

int hammer() {
  theRandom = 0.5;
  bool good = true;
  {
    Balancer balancer(sameRandom);
    balancer.route(routed(kKeys), 0, 0);
    good = isEven("one set", pickFromThreads(balancer, [](uint64_t) {})) && good;
  }
  {
    Balancer balancer(sameRandom);
    balancer.route(routed(kKeys), 0, 0);
    // The same set in other orders: everybody survives, and the order in which they are served stays.
    std::vector<std::string> keys = kKeys;
    const auto routeAgain = [&](uint64_t) {
      std::rotate(keys.begin(), keys.begin() + 1, keys.end());
      balancer.route(routed(keys), 0, 0);
    };
    good = isEven("one set, routed again and again", pickFromThreads(balancer, routeAgain)) && good;
  }
  {
    Balancer balancer(sameRandom);
    // Endpoints come and go, there are none at all, and affinity is switched on and off.
    const Served served = pickFromThreads(balancer, [&](uint64_t call) {
      std::vector<std::string> keys;
      for (size_t i = 0; i < call % (kKeys.size() + 1); i++) keys.push_back(kKeys[(call + i) % kKeys.size()]);
      balancer.route(routed(keys), call % 3 == 0 ? 1 : 0, call);
    });
    const bool all = served.times.size() == kKeys.size();
    printf("endpoints that come and go: %s\n", all ? "all served" : "not all served");
    good = all && good;
  }
  good = setsAsideFromThreads() && good;
  return good ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  return count > 1 && strcmp(arguments[1], "hammer") == 0 ? hammer() : runSteps();
}
