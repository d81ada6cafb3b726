import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { pump } from './loads/pump.js';
import {
  type Addresses,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  type ServiceName,
  type SocketAddress,
} from './services.js';

const RESPONSE = Buffer.alloc(RESPONSE_BYTES, 'r');
const HOST = '127.0.0.1';

/** The services, each on a port of its own. */
export interface Serving {
  readonly addresses: Addresses;
  /** Closes every socket, those of clients included. */
  close(): Promise<void>;
}

interface Server {
  readonly address: SocketAddress;
  close(): Promise<void>;
}

const SERVE_CLIENT: Readonly<Record<Exclude<ServiceName, 'echo'>, (client: Socket) => void>> = {
  requests: (client) => whenRequested(client, () => client.write(RESPONSE)),
  connections: (client) => whenRequested(client, () => client.end(RESPONSE)),
  source: (client) => pump(client),
  sink: (client) => client.resume(),
};

/** Serves what `services.ts` says. Resolves when all of it can be reached. */
export async function serve(): Promise<Serving> {
  const [requests, connections, source, sink, echo] = await Promise.all([
    listenTcp(SERVE_CLIENT.requests),
    listenTcp(SERVE_CLIENT.connections),
    listenTcp(SERVE_CLIENT.source),
    listenTcp(SERVE_CLIENT.sink),
    listenUdp(),
  ]);
  return {
    addresses: {
      requests: requests.address,
      connections: connections.address,
      source: source.address,
      sink: sink.address,
      echo: echo.address,
    },
    close: async () => {
      await Promise.all([requests, connections, source, sink, echo].map((server) => server.close()));
    },
  };
}

function whenRequested(client: Socket, answer: () => void): void {
  let received = 0;
  client.on('data', (chunk: Buffer) => {
    received += chunk.length;
    for (; received >= REQUEST_BYTES; received -= REQUEST_BYTES) answer();
  });
}

async function listenTcp(serveClient: (client: Socket) => void): Promise<Server> {
  const clients = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    // A client that ends a measurement ends its connections as they are.
    client.on('error', () => client.destroy());
    serveClient(client);
  });
  server.listen({ host: HOST, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return {
    address: { address: HOST, port: address.port },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

async function listenUdp(): Promise<Server> {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return {
    address: { address: HOST, port: socket.address().port },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
