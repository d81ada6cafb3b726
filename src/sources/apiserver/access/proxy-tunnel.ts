import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { hostPort } from '../../../model/endpoint.js';
import { unreachable } from './connection-error.js';
import { type ProxyAddress, proxyText } from './proxy-address.js';
import type { ServerAddress } from './server-address.js';
import { shortened } from './shortened.js';

/**
 * Asks the proxy at the other end of the socket to connect it through to the server. Resolves when what is written
 * goes there.
 *
 * @throws KubeSpliceError `APISERVER_UNREACHABLE` where the proxy does not; else the error of the socket.
 */
export async function openTunnel(socket: Socket, proxy: ProxyAddress, server: ServerAddress): Promise<void> {
  if (proxy.kind === 'socks5') await throughSocks(socket, proxy, server);
  else await throughConnect(socket, proxy, server);
}

/** The method CONNECT (RFC 9110, section 9.3.6). */
function throughConnect(socket: Socket, proxy: ProxyAddress, server: ServerAddress): Promise<void> {
  const authority = hostPort(server.host, server.port);
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      method: 'CONNECT',
      path: authority,
      createConnection: () => socket,
      setHost: false,
      headers: { host: authority, ...authorization(proxy) },
    });
    request.once('error', reject);
    request.once('connect', ({ statusCode = 0, statusMessage = '' }, _socket, head) => {
      if (statusCode < 200 || statusCode > 299)
        return reject(refused(proxy, server, `${statusCode} ${statusMessage}`));
      if (head.length > 0) socket.unshift(head);
      resolve();
    });
    // Anything but "connect" to a CONNECT is an answer that has a body.
    request.once('response', ({ statusCode = 0 }) => reject(refused(proxy, server, `${statusCode}`)));
    request.end();
  });
}

function authorization({ credentials }: ProxyAddress): Readonly<Record<string, string>> {
  if (credentials === null) return {};
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64');
  return { 'proxy-authorization': `Basic ${pair}` };
}

/** SOCKS 5 (RFC 1928). The proxy looks the name up, as with Go's `socks5`. */
async function throughSocks(socket: Socket, proxy: ProxyAddress, server: ServerAddress): Promise<void> {
  const { SocksClient } = await import('socks');
  const { credentials } = proxy;
  try {
    await SocksClient.createConnection({
      command: 'connect',
      existing_socket: socket,
      destination: { host: server.host, port: server.port },
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: 5,
        ...(credentials === null ? {} : { userId: credentials.username, password: credentials.password }),
      },
    });
  } catch (error) {
    throw refused(proxy, server, error instanceof Error ? error.message : String(error));
  }
}

function refused(proxy: ProxyAddress, { host, port }: ServerAddress, why: string): Error {
  return unreachable(
    hostPort(host, port),
    `the proxy ${proxyText(proxy)} does not connect to it: ${shortened(why)}`,
  );
}
