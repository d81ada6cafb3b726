// What is handed over of a UDP session: who its client is, which endpoint it has, and the socket to it.
//
// Both run in the control thread while every worker stands still.
#pragma once

#include <string>

#include "adopted.h"
#include "hand-over-channel.h"

struct UdpSession;

/// False where the other end has gone.
bool sendSession(RecordWriter& writer, const UdpSession& session, size_t portal);

/// Empty, or what is wrong with the record.
std::string readSession(Record& record, const Adopted& adopted);
