import { type Endpoint, endpoint } from '../../src/model/endpoint.js';
import { handOver, TcpEndpoint } from './tcp-endpoint.js';
import { tcpConnect } from './tcp-peer.js';

const ADDRESS = '127.0.0.1';

/**
 * An endpoint that refuses. Its port is the local end of a connection to somewhere else: nobody listens there, and
 * nobody else is given it until the test ends.
 */
export async function refusingEndpoint(): Promise<Endpoint> {
  const elsewhere = await TcpEndpoint.listen(handOver, ADDRESS);
  // A local address makes Node bind, and a bound port is not shared with the connections of others.
  const holder = await tcpConnect({
    address: ADDRESS,
    port: elsewhere.endpoint.port,
    localAddress: ADDRESS,
  });
  const { localPort } = holder.socket;
  if (localPort === undefined) throw new Error('the connection ended at once');
  return endpoint(ADDRESS, localPort);
}
