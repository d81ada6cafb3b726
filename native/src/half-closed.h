// Connections of which one side has finished: a peer that never does must not keep one for ever.
//
//   spliced ──FIN of one side──▶ looked at four times in each half-closed time ──a byte has moved──▶ so again
//                                   │                                          └──FIN of the other──▶ ended
//                                   └──the time over, no byte has moved──▶ reset
//
// Nothing is noted when bytes move: each look asks the kernel how many have been received from, and
// acknowledged by, both peers. So bytes count that wait in the kernel for a slow reader, and a packet costs
// nothing. All wait equally long for their next look, so that the first of the queue is due first.
#pragma once

#include <cstdint>

class Worker;
struct TcpConnection;

/// The worker's thread, each. One side has finished; noted once, however often it is told.
void noteHalfClosed(Worker& worker, TcpConnection& connection);
/// Looks at those that are due; resets those in which nothing moves.
void runHalfClosed(Worker& worker);
/// When runHalfClosed() wants to be called, ms; UINT64_MAX for never.
uint64_t halfClosedDueMs(const Worker& worker);
