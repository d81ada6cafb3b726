#include "connection-record.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "portal-record.h"
#include "portal.h"
#include "relay.h"
#include "tcp-connection.h"
#include "worker.h"

namespace {

constexpr int64_t kFilesOfConnection = 2;
constexpr int64_t kFilesOfPipe = 2;

/// Keys of one direction's fields.
struct Direction {
  TcpStream TcpConnection::*stream;
  const char* flags;
  const char* piped;
  const char* held;
};

constexpr Direction kDirections[] = {
    {&TcpConnection::toEndpoint, "to-endpoint", "to-endpoint-piped", "to-endpoint-held"},
    {&TcpConnection::toClient, "to-client", "to-client-piped", "to-client-held"},
};

/// What a direction's flags are written as. Whether there is a FIN to be read, epoll tells again.
struct Flag {
  char letter;
  bool TcpStream::*flag;
};

constexpr Flag kFlags[] = {
    {'s', &TcpStream::splicing},       {'f', &TcpStream::finRead}, {'u', &TcpStream::urgent},
    {'w', &TcpStream::waitingForRoom}, {'e', &TcpStream::ended},
};

const char* nameOf(TcpConnection::State state) {
  switch (state) {
    case TcpConnection::State::dialling:
      return "dialling";
    case TcpConnection::State::spliced:
      return "spliced";
    case TcpConnection::State::handedOver:
    case TcpConnection::State::ended:
      break;
  }
  return "new";
}

std::string flagsOf(const TcpStream& stream) {
  std::string letters = "-";
  for (const auto& [letter, flag] : kFlags)
    if (stream.*flag) letters += letter;
  return letters;
}

/// Those it has tried, where they are still known: others may be gone for good.
std::string triedOf(const TcpConnection& connection) {
  std::string keys;
  if (connection.tried.count == 0) return "-";
  connection.portal.balancer.eachEndpoint([&](const Endpoint& endpoint) {
    if (connection.tried.has(&endpoint)) keys += (keys.empty() ? "" : ",") + endpoint.key;
  });
  return keys.empty() ? "-" : keys;
}

void readTried(std::string_view keys, TcpConnection& connection) {
  while (!keys.empty()) {
    const size_t comma = keys.find(',');
    const Endpoint* const endpoint = connection.portal.balancer.find(std::string(keys.substr(0, comma)));
    if (endpoint != nullptr) connection.tried.add(endpoint);
    keys.remove_prefix(comma == std::string_view::npos ? keys.size() : comma + 1);
  }
}

/// Reads what is on its way. Files of pipes come behind those of the sockets, bytes in order.
std::string readStream(Record& record, const Direction& direction, TcpStream& stream, size_t& nextFile,
                       std::string_view& bytes) {
  const auto flags = record.text(direction.flags);
  const auto piped = record.number(direction.piped);
  const auto held = record.number(direction.held);
  if (!flags || !piped || !held || *held > bytes.size() || *piped > PipePool::kPipeBytes)
    return "a connection that lacks a direction";
  for (const auto& [letter, flag] : kFlags) stream.*flag = flags->find(letter) != std::string_view::npos;
  if (*piped > 0) {
    stream.pipe = {record.takeFile(nextFile), record.takeFile(nextFile + 1)};
    nextFile += 2;
    if (stream.pipe.writeFd < 0) return "a connection that lacks its pipe";
    stream.inPipe = static_cast<uint32_t>(*piped);
  }
  if (*held > 0) {
    stream.held = static_cast<uint8_t*>(malloc(*held));
    if (stream.held == nullptr) return "no memory";
    memcpy(stream.held, bytes.data(), *held);
    stream.heldTo = static_cast<uint32_t>(*held);
    bytes.remove_prefix(*held);
  }
  // Whatever it waited for: epoll tells anew that there is room, and a source that is empty tells nothing.
  if (*piped > 0 || *held > 0) stream.waitingForRoom = true;
  return {};
}

void count(Worker& worker, const TcpConnection& connection) {
  worker.countsOf(connection.portal).active.add(1);
  worker.load.fetch_add(1, std::memory_order_relaxed);
  connection.portal.uses.fetch_add(1, std::memory_order_relaxed);
  connection.portal.connections.add();
  worker.relay.connections().add();
  int64_t files = kFilesOfConnection;
  for (const Direction& direction : kDirections)
    if ((connection.*direction.stream).pipe.isOpen()) files += kFilesOfPipe;
  worker.relay.files().add(files);
}

/// Its endpoint and the socket to it. Empty, or what is wrong.
std::string readEndpointSide(Record& record, Worker& worker, TcpConnection& connection) {
  Endpoint* const endpoint = endpointOf(record, "endpoint", connection.portal);
  const auto family = record.number("family");
  const int fd = record.takeFile(1);
  if (endpoint == nullptr || !family || fd < 0) {
    if (fd >= 0) close(fd);
    return "a connection that lacks its endpoint";
  }
  EndpointSide* const side =
      worker.endpointSockets.adopt(fd, static_cast<int>(*family), record.number("unpaced") == 1);
  if (side == nullptr) {
    close(fd);
    return "no memory";
  }
  side->connection = &connection;
  connection.endpoint = side;
  connection.endpointRecord = endpoint;
  endpoint->uses.fetch_add(1, std::memory_order_relaxed);
  if (connection.state == TcpConnection::State::spliced)
    endpoint->open.fetch_add(1, std::memory_order_relaxed);
  return {};
}

}  // namespace

bool sendConnection(RecordWriter& writer, const TcpConnection& connection, size_t portal) {
  const EndpointSide* const endpoint = connection.endpoint;
  Record record("connection");
  record.add("portal", portal)
      .add("client", connection.clientAddress)
      .add("state", nameOf(connection.state))
      .add("endpoint", connection.endpointRecord == nullptr ? "-" : connection.endpointRecord->key)
      .add("family", endpoint == nullptr ? 0 : static_cast<uint64_t>(endpoint->family))
      .add("unpaced", endpoint != nullptr && endpoint->unpaced ? 1 : 0)
      .add("tries", connection.tries)
      .add("timed", connection.timer.linked ? 1 : 0)
      .add("due", connection.dueMs)
      .add("dial-began", connection.dialBeganUs);
  record.add("tried", triedOf(connection));
  record.addFile(connection.client.fd);
  if (endpoint != nullptr) record.addFile(endpoint->fd);
  for (const Direction& direction : kDirections) {
    const TcpStream& stream = connection.*direction.stream;
    const size_t held = stream.heldTo - stream.heldFrom;
    record.add(direction.flags, flagsOf(stream))
        .add(direction.piped, stream.inPipe)
        .add(direction.held, held)
        .addBytes(stream.held + stream.heldFrom, held);
    if (stream.inPipe > 0) record.addFile(stream.pipe.readFd).addFile(stream.pipe.writeFd);
  }
  return writer.write(record);
}

std::string readConnection(Record& record, Adopted& adopted) {
  Portal* const portal = portalOf(record, adopted);
  const auto client = record.address("client");
  const auto state = record.text("state");
  const auto due = record.number("due");
  const auto tries = record.number("tries");
  const auto tried = record.text("tried");
  if (portal == nullptr || !client || !state || !due || !tries || *tries > kDialTries || !tried)
    return "a connection that lacks something";
  const auto& workers = adopted.relay.workers();
  Worker& worker = *workers[adopted.nextWorker++ % workers.size()];
  const int fd = record.takeFile(0);
  TcpConnection* const made = fd < 0 ? nullptr : worker.connections.make(*portal, fd, *client);
  if (made == nullptr) return fd < 0 ? "a connection without its client" : "no memory";
  TcpConnection& connection = *made;
  connection.clientIsShared = true;
  size_t nextFile = *state == "new" ? 1 : 2;
  std::string_view bytes = record.bytes();
  for (const Direction& direction : kDirections) {
    std::string wrong = readStream(record, direction, connection.*direction.stream, nextFile, bytes);
    if (!wrong.empty()) return wrong;
  }
  count(worker, connection);
  if (*state == "new") {
    // Found there by the next relay, should it come before the letter is read.
    worker.expect(connection);
    worker.post([&worker, made] {
      worker.arrived(*made);
      begin(worker, *made, false);
    });
    return {};
  }
  connection.state = *state == "spliced" ? TcpConnection::State::spliced : TcpConnection::State::dialling;
  connection.tries = static_cast<uint8_t>(*tries);
  connection.dueMs = *due;
  connection.dialBeganUs = static_cast<uint32_t>(record.number("dial-began").value_or(0));
  if (connection.tries == 0) return "a connection that is dialled for the zeroth time";
  readTried(*tried, connection);
  std::string wrong = readEndpointSide(record, worker, connection);
  if (!wrong.empty()) return wrong;
  worker.all.pushBack(made);
  if (record.number("timed") == 1) adopted.timed.push_back({&worker, made});
  // Epoll tells anew what there is, and whether there is room.
  if (!watch(worker, connection.client, EPOLLOUT) || !watch(worker, *connection.endpoint, EPOLLOUT))
    return "no more watches (epoll(7), max_user_watches)";
  connection.endpoint->isWatched = true;
  return {};
}

void beginTimers(Adopted& adopted) {
  std::stable_sort(adopted.timed.begin(), adopted.timed.end(), [](const auto& one, const auto& other) {
    return one.connection->dueMs < other.connection->dueMs;
  });
  for (const auto& [worker, connection] : adopted.timed) {
    if (connection->state == TcpConnection::State::dialling)
      worker->dialling[connection->tries - 1].pushBack(connection);
    else
      worker->young.pushBack(connection);
  }
}
