import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ListeningServer, ServerPlace } from './listening-server.js';

/**
 * A web server that says its name, `viola from whoami-1`, whatever it is asked. Every answer ends its connection, so
 * that a browser that asks again opens a new one, and sees the next endpoint.
 *
 * Rejects with the system's error, `EADDRINUSE` for instance.
 */
export async function startWhoamiServer({ name, address, port }: ServerPlace): Promise<ListeningServer> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(`viola from ${name}\n`);
  });
  server.listen(port, address);
  await once(server, 'listening');
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
