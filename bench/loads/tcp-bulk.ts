import type { SocketAddress } from '../services.js';
import { pump } from './pump.js';
import type { RunningLoad } from './running-load.js';
import { allConnected, closeAll, tcpSocket } from './tcp-socket.js';

/**
 * Streams in one direction as fast as it goes. What is counted is what the client's kernel took or gave; the buffers
 * on the way are full when the window begins and when it ends, so that is what the whole way carried, too.
 */
export async function startTcpBulk(
  at: SocketAddress,
  { service, connections }: { readonly service: 'source' | 'sink'; readonly connections: number },
  failed: (error: Error) => void,
): Promise<RunningLoad> {
  let carried = 0;
  const count = (bytes: number): void => {
    carried += bytes;
  };
  const sockets = Array.from({ length: connections }, () => tcpSocket(at, count, failed));
  await allConnected(sockets);
  if (service === 'sink') for (const socket of sockets) pump(socket, count);
  return { done: () => carried, lost: () => 0, stop: () => closeAll(sockets) };
}
