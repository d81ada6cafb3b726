import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { isMessage } from '../messages.js';
import { monotonicMs } from './clock.js';
import { ENDPOINTS_PER_SLICE } from './cluster-content.js';
import type { EndpointName, Failed, Probed, ProbeListening, ProbeOrder, Probing, Timed } from './messages.js';

/**
 * The process of both ends: the endpoints A and B, and the client that asks through the portal which of them answers.
 * One connection is open at a time, so it is plain whose accept belongs to it.
 */

const PORTAL_HOST = '127.0.0.1';
/** How long a change may take to come to effect, ms: far longer than it should. */
const LONGEST_MS = 10_000;
/** How long a connection may take to be answered, ms. */
const ANSWER_MS = 5_000;

/** Addresses of loopback other than the portals'. */
const ADDRESSES = Array.from({ length: ENDPOINTS_PER_SLICE }, (_, index) => `127.0.2.${index + 1}`);

/** When an endpoint last accepted, on the clock of the machine. */
let acceptedAt = 0;

async function listen(name: EndpointName): Promise<number> {
  const [first, ...others] = ADDRESSES;
  const port = await listenAt(name, first ?? PORTAL_HOST, 0);
  for (const address of others) await listenAt(name, address, port);
  return port;
}

async function listenAt(name: EndpointName, host: string, port: number): Promise<number> {
  const server: Server = createServer({ noDelay: true }, (client) => {
    acceptedAt = monotonicMs();
    client.on('error', () => client.destroy());
    client.end(name);
  });
  server.listen({ host, port });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

async function carryOut(order: ProbeOrder): Promise<Probed | Timed> {
  switch (order.kind) {
    case 'probe':
      return probe(order.portal, order.until);
    case 'time-connections': {
      const ms: number[] = [];
      for (const portal of order.portals) {
        const begun = monotonicMs();
        await answerThrough(portal);
        ms.push(monotonicMs() - begun);
      }
      return { kind: 'timed', ms };
    }
  }
}

async function probe(portal: number, until: EndpointName): Promise<Probed> {
  const before = await answerThrough(portal);
  if (before === until) throw new Error(`${until} answered before anything was changed`);
  tell({ kind: 'probing' });
  const deadline = performance.now() + LONGEST_MS;
  while (performance.now() < deadline) {
    if ((await answerThrough(portal)) === until) return { kind: 'probed', acceptedAt };
  }
  throw new Error(`a change had no effect within ${LONGEST_MS / 1000} s`);
}

/** Which endpoint answers a connection to this portal. */
function answerThrough(portal: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ host: PORTAL_HOST, port: portal, noDelay: true, autoSelectFamily: false });
    socket.setTimeout(ANSWER_MS, () =>
      socket.destroy(new Error(`no answer through portal ${portal} in ${ANSWER_MS} ms`)),
    );
    socket.once('data', (chunk: Buffer) => {
      answer = chunk.toString();
      socket.destroy();
    });
    socket.once('end', () => socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => {
      if (answer === '') reject(new Error(`portal ${portal} closed a connection without an answer`));
      else resolve(answer);
    });
  });
}

function tell(message: ProbeListening | Probing | Probed | Timed | Failed): void {
  process.send?.(message);
}

process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; the bench ends this one when it is ready to.
process.on('SIGINT', () => undefined);
process.on('message', (message: unknown) => {
  if (!isMessage<ProbeOrder>(message, ['probe', 'time-connections'])) return;
  carryOut(message).then(tell, (error: unknown) => {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
});

tell({ kind: 'listening', addresses: ADDRESSES, ports: { A: await listen('A'), B: await listen('B') } });
