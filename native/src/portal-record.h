// What is handed over of a portal: its socket, its counters, its endpoints in the order in which they are
// served, and which client is bound to which. Sender and reader side by side: a field that one writes, the
// other reads.
//
// Both run in the control thread while every worker stands still.
#pragma once

#include <string>

#include "adopted.h"
#include "hand-over-channel.h"

/// `number` is what its connections and sessions call it. False where the other end has gone.
bool sendPortal(RecordWriter& writer, Relay& relay, const Portal& portal, size_t number);

// Each: empty, or what is wrong with the record.
std::string readPortal(Record& record, Adopted& adopted, double (*random)());
std::string readEndpoint(const Record& record, Adopted& adopted);
std::string readBond(const Record& record, const Adopted& adopted);

/// The portal that a record names; null where there is none of that number.
Portal* portalOf(const Record& record, const Adopted& adopted);
/// The endpoint of that portal whose key is the field's value; null where it is `-`, or there is none.
Endpoint* endpointOf(const Record& record, const char* field, const Portal& portal);
