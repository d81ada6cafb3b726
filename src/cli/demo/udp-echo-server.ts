import { DgramAsPromised } from 'dgram-as-promised';
import type { ListeningServer, ServerPlace } from './listening-server.js';

/**
 * Sends every datagram back with its own name before it: `echo-1: hello`.
 *
 * Rejects with the system's error, `EADDRINUSE` for instance.
 */
export async function startUdpEchoServer({ name, address, port }: ServerPlace): Promise<ListeningServer> {
  const prefix = Buffer.from(`${name}: `);
  const type = address.includes(':') ? 'udp6' : 'udp4';
  // A callback, because `recv()` loses what arrives between two calls of it.
  const socket = DgramAsPromised.createSocket(type, (message, client) => {
    // What cannot be sent is lost, as a datagram may be: the client is gone, or the name made it too long.
    socket.send(Buffer.concat([prefix, message]), client.port, client.address).catch(() => undefined);
  });
  try {
    const bound = await socket.bind(port, address);
    return { port: bound.port, stop: () => socket.close() };
  } catch (error) {
    await socket.close();
    throw error;
  }
}
