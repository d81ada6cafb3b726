// How a connection finds its endpoint: try after try, each with the next one and more time, until one answers
// or there is no hope.
//
//   dial() ──▶ a try ──the endpoint answers──▶ connected() (tcp-connection.h)
//     ▲           └──it refuses, or is too late──┐
//     └──────────────────────────────────────────┘      after the last: the client is reset
#pragma once

#include <cstdint>

#include "tcp-connection.h"

/// Begins the next try, or ends the connection where there is none.
void dial(Worker& worker, TcpConnection& connection);
/// What epoll tells of either side meanwhile.
void onEventsWhileDialling(Worker& worker, TcpConnection& connection, TcpSide& side, uint32_t events);
/// The try under way has taken too long.
void dialTimedOut(Worker& worker, TcpConnection& connection);
/// Ends the try under way; it does not count against its endpoint.
void endTry(Worker& worker, TcpConnection& connection);
