import type { Socket } from 'node:net';
import { REQUEST_BYTES, RESPONSE_BYTES, type SocketAddress } from '../services.js';
import type { RunningLoad } from './running-load.js';
import { closeAll, tcpSocket } from './tcp-socket.js';

const REQUEST = Buffer.alloc(REQUEST_BYTES, 'q');

/**
 * Connects, sends a request, reads the answer up to the endpoint's FIN, closes, and begins again; `atOnce` of them side
 * by side.
 *
 * The endpoint closes first, so TIME_WAIT stays with the sockets that accepted, there and in a relay, and neither the
 * client nor a relay runs out of the 28,000 local ports that Linux chooses from.
 */
export function startTcpConnections(
  at: SocketAddress,
  atOnce: number,
  failed: (error: Error) => void,
): RunningLoad {
  let ended = 0;
  let stopping = false;
  const open = new Set<Socket>();
  const begin = (): void => {
    let received = 0;
    const count = (bytes: number): void => {
      received += bytes;
    };
    const socket = tcpSocket(at, count, failed);
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      if (stopping) return;
      if (received !== RESPONSE_BYTES) return failed(new Error(`an answer had ${received} bytes`));
      ended += 1;
      begin();
    });
    socket.write(REQUEST);
  };
  for (let begun = 0; begun < atOnce; begun += 1) begin();
  return {
    done: () => ended,
    lost: () => 0,
    stop: () => {
      stopping = true;
      return closeAll(open);
    },
  };
}
