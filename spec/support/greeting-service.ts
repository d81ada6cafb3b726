import type { Endpoint } from '../../src/model/endpoint.js';
import { type PlainObject, sliceObject } from './kubernetes-objects.js';
import { greet, TcpEndpoint } from './tcp-endpoint.js';
import { tcpConnect } from './tcp-peer.js';

/** An endpoint that says its name to whoever connects. It closes when the test ends. */
export async function startGreeter(name: string): Promise<Endpoint> {
  return (await TcpEndpoint.listen(greet(name))).endpoint;
}

/** Whom a new connection to a portal reaches. Rejects where it is refused or reset. */
export async function greetingAt(address: string, port: number): Promise<string> {
  const peer = await tcpConnect({ address, port });
  peer.finish();
  return (await peer.rest()).toString();
}

/** Whom so many new connections reach, each name once, sorted. */
export async function greetingsAt(address: string, port: number, connections: number): Promise<string[]> {
  const names = new Set<string>();
  for (let count = 0; count < connections; count += 1) names.add(await greetingAt(address, port));
  return [...names].toSorted();
}

/** A slice of its own for one endpoint, of `default/web` or of another Service there; `fields` are the endpoint's. */
export function sliceTo(
  { address, port }: Endpoint,
  { name, service = 'web', fields = {} }: { name: string; service?: string; fields?: PlainObject },
): PlainObject {
  return sliceObject([{ addresses: [address], conditions: { ready: true }, ...fields }], {
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  });
}
