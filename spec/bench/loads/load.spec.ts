import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Load, startLoad } from '../../../bench/loads/load.js';
import type { RunningLoad } from '../../../bench/loads/running-load.js';
import { type Serving, serve } from '../../../bench/serve.js';
import { type Addresses, RESPONSE_BYTES, type SocketAddress } from '../../../bench/services.js';
import { eventually, within } from '../../support/deadline.js';

const LOADS: readonly Load[] = [
  { kind: 'tcp-requests', connections: 3 },
  { kind: 'tcp-connections', atOnce: 3 },
  { kind: 'tcp-bulk', service: 'sink', connections: 2 },
  { kind: 'tcp-bulk', service: 'source', connections: 2 },
  { kind: 'udp', flows: 3 },
];

let serving: Serving;
let failures: Error[];
beforeEach(async () => {
  serving = await serve();
  failures = [];
});
afterEach(() => within('the services close', serving.close()));

const failed = (error: Error) => void failures.push(error);

describe.each(LOADS)('a load, $kind $service', (load) => {
  it('goes on until it is stopped, and fails nowhere', async () => {
    const running = await startLoad(load, serving.addresses, failed);
    await doneAtLeast(running, 100);
    await doneAtLeast(running, running.done() + 100);
    await within('the load stops', running.stop());
    expect(failures).toEqual([]);
    const atEnd = running.done();
    await new Promise((resolve) => setImmediate(resolve));
    expect(running.done()).toBe(atEnd);
  });
});

describe.each(LOADS.filter(({ kind }) => kind !== 'udp'))('a load, $kind $service', (load) => {
  it('fails where nobody listens', async () => {
    const { addresses } = serving;
    await serving.close();
    const running = await Promise.resolve(startLoad(load, addresses, failed)).catch(failed);
    await eventually(() => expect(failures.map(String).join()).toContain('ECONNREFUSED'));
    await running?.stop();
    serving = await serve();
  });
});

describe('a load of requests', () => {
  it('fails where the other side closes a kept connection', async () => {
    await against(serving.addresses.connections, async (addresses) => {
      const running = await startLoad({ kind: 'tcp-requests', connections: 1 }, addresses, failed);
      await eventually(() => expect(failures.map(String).join()).toContain('closed by the other side'));
      await running.stop();
    });
  });
});

describe('a load of connections', () => {
  it('fails where an answer is cut short', async () => {
    const server = createServer((client) => {
      client.on('error', () => undefined);
      client.resume().end(Buffer.alloc(RESPONSE_BYTES - 1));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    await against({ address: address.address, port: address.port }, async (addresses) => {
      const running = await startLoad({ kind: 'tcp-connections', atOnce: 1 }, addresses, failed);
      await eventually(() => expect(failures.map(String).join()).toContain('an answer had 199 bytes'));
      await running.stop();
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

/** Every TCP service at one address. */
function against(at: SocketAddress, use: (addresses: Addresses) => Promise<void>): Promise<void> {
  return use({ ...serving.addresses, requests: at, connections: at });
}

async function doneAtLeast(load: RunningLoad, much: number): Promise<void> {
  await eventually(() => expect(load.done()).toBeGreaterThanOrEqual(much));
}
