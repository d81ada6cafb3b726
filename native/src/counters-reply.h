// The lines that answer `counters` for one portal (PROTOCOL.md). The control thread's.
#pragma once

#include <string>

class Relay;
struct Portal;

/// `all`: also what not every peer knows of.
std::string countersReply(const std::string& tag, const Relay& relay, Portal& portal, bool all);
