import { REQUEST_BYTES, RESPONSE_BYTES, type SocketAddress } from '../services.js';
import type { RunningLoad } from './running-load.js';
import { allConnected, closeAll, tcpSocket } from './tcp-socket.js';

const REQUEST = Buffer.alloc(REQUEST_BYTES, 'q');

/** Kept connections, each with one request under way: the next leaves when the answer is whole. */
export async function startTcpRequests(
  at: SocketAddress,
  connections: number,
  failed: (error: Error) => void,
): Promise<RunningLoad> {
  let answers = 0;
  const sockets = Array.from({ length: connections }, () => {
    let missing = RESPONSE_BYTES;
    const socket = tcpSocket(
      at,
      (bytes) => {
        missing -= bytes;
        if (missing > 0) return;
        answers += 1;
        missing = RESPONSE_BYTES;
        socket.write(REQUEST);
      },
      failed,
    );
    socket.on('end', () => failed(new Error('a kept connection was closed by the other side')));
    return socket;
  });
  await allConnected(sockets);
  for (const socket of sockets) socket.write(REQUEST);
  return { done: () => answers, lost: () => 0, stop: () => closeAll(sockets) };
}
