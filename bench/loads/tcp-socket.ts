import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SocketAddress } from '../services.js';

/** All sockets read into the same memory: what arrives is counted, never kept. */
const READ_BUFFER = Buffer.allocUnsafe(256 * 1024);

/**
 * A socket that connects to `at` and tells how many bytes each read brought, at the least cost that Node has: the client
 * shares the machine with what is measured.
 */
export function tcpSocket(
  { address, port }: SocketAddress,
  received: (bytes: number) => void,
  failed: (error: Error) => void,
): Socket {
  const socket = connect({
    host: address,
    port,
    noDelay: true,
    autoSelectFamily: false,
    onread: {
      buffer: READ_BUFFER,
      callback: (bytes) => {
        received(bytes);
        return true;
      },
    },
  });
  socket.on('error', failed);
  return socket;
}

/** Resolves when all are connected; rejects where one cannot be. */
export async function allConnected(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
}

/** Closes each of them; resolves when all are closed. */
export async function closeAll(sockets: Iterable<Socket>): Promise<void> {
  const open = [...sockets].filter((socket) => !socket.closed);
  await Promise.all(
    open.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.destroy();
        }),
    ),
  );
}
