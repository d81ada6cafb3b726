// What is handed over of a TCP connection: both sockets, how far it is, and what is on its way from one side
// to the other: bytes that wait in memory, or in a pipe, which goes along.
//
// Both run in the control thread while every worker stands still.
#pragma once

#include <string>

#include "adopted.h"
#include "hand-over-channel.h"

struct TcpConnection;

/// False where the other end has gone.
bool sendConnection(RecordWriter& writer, const TcpConnection& connection, size_t portal);

/// Empty, or what is wrong with the record.
std::string readConnection(Record& record, Adopted& adopted);

/// When all are there: those with a timer enter the queues of their workers.
void beginTimers(Adopted& adopted);
