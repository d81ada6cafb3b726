import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteStream } from '../support/byte-stream.js';
import { handOver, TcpEndpoint } from '../support/tcp-endpoint.js';
import type { Ending, TcpPeer } from '../support/tcp-peer.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

type Step = { readonly send: number } | { readonly pauseMs: number };

/** What both sides of one connection do, each at its own pace. */
interface Interleaving {
  readonly client: readonly Step[];
  readonly endpoint: readonly Step[];
}

const CLIENT_SEED = 1;
const ENDPOINT_SEED = 2;
const RUNS = 40;
const SEED = 20;
const TIME_LIMIT_MS = 15_000;

const step = fc.oneof(
  fc.record({ send: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 150_000 })) }),
  fc.record({ pauseMs: fc.integer({ min: 0, max: 5 }) }),
);
const steps = fc.array(step, { maxLength: 8 });
const interleaving: fc.Arbitrary<Interleaving> = fc.record({ client: steps, endpoint: steps });

/** The law of a spliced connection, whatever the order in which things happen. */
export function describeInterleaving(start: StartEngine): void {
  describe('any interleaving of chunks and pauses', () => {
    it('that ends with two FINs brings each side exactly what the other has sent, in order', async () => {
      const connect = await listen(start);
      await holds(interleaving, async (todo) => {
        const { client, served } = await connect();
        const fromClient = perform(client, CLIENT_SEED, todo.client, 'fin');
        const fromEndpoint = perform(served, ENDPOINT_SEED, todo.endpoint, 'fin');
        expect((await served.rest()).equals(await fromClient)).toBe(true);
        expect((await client.rest()).equals(await fromEndpoint)).toBe(true);
      });
    });

    it('that one side ends with a reset brings the other nothing but what was sent, and a reset', async () => {
      const connect = await listen(start);
      await holds(fc.tuple(interleaving, fc.constantFrom('client', 'endpoint')), async ([todo, resetBy]) => {
        const { client, served } = await connect();
        // The other side sends no FIN: a Node socket that has sent its own can't tell a reset right behind data from a FIN.
        const fromClient = perform(client, CLIENT_SEED, todo.client, resetBy === 'client' ? 'reset' : 'open');
        const fromEndpoint = perform(
          served,
          ENDPOINT_SEED,
          todo.endpoint,
          resetBy === 'endpoint' ? 'reset' : 'open',
        );
        expect(await (resetBy === 'client' ? served : client).ending()).toBe('reset');
        // A reset overtakes data, so less may arrive than was sent; nothing else may.
        expect(startsWith(await fromClient, served.unread())).toBe(true);
        expect(startsWith(await fromEndpoint, client.unread())).toBe(true);
      });
    });
  });
}

interface Spliced {
  readonly client: TcpPeer;
  /** The same connection as the endpoint has it. */
  readonly served: TcpPeer;
}

/** Connections through one portal to one endpoint, both sides in the hands of the test. */
async function listen(start: StartEngine): Promise<() => Promise<Spliced>> {
  const listening = await TcpEndpoint.listen(handOver);
  const portal = await (await RelayUnderTest.start(start)).open({ endpoints: [listening.endpoint] });
  return async () => {
    const client = await portal.connect();
    const served = await listening.accepted();
    // An endpoint that resets before the relay knows that it is connected has failed a dial: that is another law.
    await client.send('x');
    await served.receive(1);
    return { client, served };
  };
}

/** Checks a law. The seed is fixed, so that every run checks the same; shrinking ends with the time, as each hang costs a deadline. */
function holds<T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(arbitrary, law), {
    numRuns: RUNS,
    seed: SEED,
    interruptAfterTimeLimit: TIME_LIMIT_MS,
    markInterruptAsFailure: true,
  });
}

/** Does the steps and ends as told; returns everything that it has sent. */
async function perform(
  peer: TcpPeer,
  seed: number,
  todo: readonly Step[],
  end: Ending | 'open',
): Promise<Buffer> {
  const bytes = new ByteStream(seed);
  const sent: Buffer[] = [];
  for (const step of todo) {
    if ('pauseMs' in step) {
      await pause(step.pauseMs);
    } else {
      const chunk = bytes.next(step.send);
      sent.push(chunk);
      peer.socket.write(chunk);
    }
  }
  if (end === 'fin') peer.finish();
  if (end === 'reset') peer.reset();
  return Buffer.concat(sent);
}

function startsWith(whole: Buffer, beginning: Buffer): boolean {
  return whole.subarray(0, beginning.length).equals(beginning);
}
