// What a relay has taken over so far from the one before, until it is whole. Workers stand still meanwhile;
// it owns nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "balancer.h"

class Relay;
class Worker;
struct Portal;
struct TcpConnection;

struct Adopted {
  explicit Adopted(Relay& ofRelay) : relay(ofRelay) {}

  Relay& relay;
  /// By the number that records call them.
  std::vector<Portal*> portals;
  /// Endpoints of the last portal, of which so many are still to come.
  std::vector<RoutedEndpoint> endpoints;
  struct Counted {
    uint64_t total;
    FailingEndpoint::State failing;
  };
  std::vector<Counted> counts;
  uint64_t missing = 0;
  uint32_t affinitySeconds = 0;
  /// Connections with a timer, which its worker's queues want in the order of their time.
  struct Timed {
    Worker* worker;
    TcpConnection* connection;
  };
  std::vector<Timed> timed;
  unsigned nextWorker = 0;
};
