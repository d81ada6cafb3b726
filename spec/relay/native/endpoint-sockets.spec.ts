import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/deadline.js';
import {
  NATIVE_RELAY_MISSING,
  startRelayProgram,
  startRelayWithFewFiles,
} from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { stopProcess } from '../../support/stopped-process.js';
import { greet, handOver, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { type TcpPeer, tcpConnect } from '../../support/tcp-peer.js';

/** Kernels before this one are not trusted to leave nothing behind on a socket (native/src/endpoint-sockets.cpp). */
const OLDEST_KERNEL = [5, 10] as const;
const KERNEL_TOO_OLD = isBefore(release(), OLDEST_KERNEL);
/** A relay whose process another user may not look at is seen by root alone. */
const IS_ROOT = process.getuid?.() === 0;
const ONE_THREAD = ['--threads', '1'];
const CONNECTIONS = 20;
/** With two files each, most of what the relay may have with OPEN_FILES. */
const CROWD = 90;
const OPEN_FILES = 256;
const TIME_LIMIT_MS = 30_000;

type Pair = { readonly client: TcpPeer; readonly served: TcpPeer };

/** The ways in which a connection ends. */
const ENDINGS = {
  'the client finishes first': async ({ client, served }: Pair) => {
    client.finish();
    expect(await served.rest()).toHaveLength(0);
    served.finish();
    expect(await client.rest()).toHaveLength(0);
  },
  'the endpoint finishes first': async ({ client, served }: Pair) => {
    served.finish();
    expect(await client.rest()).toHaveLength(0);
    client.finish();
    expect(await served.rest()).toHaveLength(0);
  },
  'both finish at once': async ({ client, served }: Pair) => {
    client.finish();
    served.finish();
    expect(await client.rest()).toHaveLength(0);
    expect(await served.rest()).toHaveLength(0);
  },
  'the client resets': async ({ client, served }: Pair) => {
    client.reset();
    expect(await served.ending()).toBe('reset');
  },
  'the endpoint resets': async ({ client, served }: Pair) => {
    served.reset();
    expect(await client.ending()).toBe('reset');
  },
  'the client resets what the endpoint has finished': async ({ client, served }: Pair) => {
    served.finish();
    expect(await client.rest()).toHaveLength(0);
    client.reset();
    await served.resetNoticed();
  },
} as const;

type EndingName = keyof typeof ENDINGS;
const ending = fc.constantFrom(...(Object.keys(ENDINGS) as EndingName[]));

describe.skipIf(NATIVE_RELAY_MISSING || KERNEL_TOO_OLD)(
  `the sockets that the native relay has towards endpoints (skipped where it is not built, and on Linux before ${OLDEST_KERNEL.join('.')})`,
  () => {
    it.each(['the client finishes first', 'the endpoint finishes first'] as const)(
      'begin another connection, from another port, after one that has ended: %s',
      async (how) => {
        const { connect, endpoint } = await portal();
        const inodes = new Set<string>();
        let lastPort = 0;
        for (let i = 0; i < CONNECTIONS; i++) {
          const pair = await connect();
          const port = pair.served.socket.remotePort ?? 0;
          expect(port).not.toBe(lastPort);
          lastPort = port;
          inodes.add(inodeOf(port, endpoint.endpoint.port));
          await ENDINGS[how](pair);
        }
        // One would do, but that a connection may begin before the kernel has closed the socket of the last.
        expect(inodes.size).toBeLessThanOrEqual(CONNECTIONS / 4);
      },
    );

    it(
      'bring nothing of one connection into the next, however that has ended',
      async () => {
        const { connect } = await portal();
        const law = fc.asyncProperty(fc.array(ending, { minLength: 2, maxLength: 6 }), async (endings) => {
          for (const how of endings) await ENDINGS[how](await connect());
        });
        await fc.assert(law, { numRuns: 40, seed: 5, interruptAfterTimeLimit: TIME_LIMIT_MS / 2 });
      },
      TIME_LIMIT_MS,
    );

    it('are not taken for broken by what is told of their last connection when they begin the next', async () => {
      const { several, at, endpoint, pid, relay, observer } = await portal();
      const ending = await several(CROWD);
      for (const { client, served } of ending) {
        served.finish();
        await client.rest();
      }
      // While the relay stands still, all of them end and as many clients come: more than it accepts in one turn, so that
      // it finds both in the next: clients, and the ends of sockets which it has taken for them.
      const goOn = await stopProcess(pid);
      for (const { client } of ending) client.finish();
      const coming = await Promise.all(Array.from({ length: CROWD }, () => tcpConnect(at)));
      goOn();
      await Promise.all(ending.map(({ served }) => served.rest()));
      await Promise.all(coming.map(() => endpoint.accepted()));
      expect(observer.failures).toEqual([]);
      expect((await relay.counters()).get('default/web')).toMatchObject({ dialFailures: 0 });
    });

    it('are none the worse for an endpoint that refuses in between', async () => {
      const { connect, endpoint, at } = await portal();
      const kept = await connect();
      await ENDINGS['the client finishes first'](await connect());
      endpoint.stopListening();
      const refused = await tcpConnect(at);
      expect(await refused.ending()).toBe('reset');
      await endpoint.listenAgain();
      await ENDINGS['the endpoint finishes first'](await connect());
      await ENDINGS['both finish at once'](kept);
    });

    it.skipIf(!IS_ROOT)('are closed where nobody takes them (skipped but for root)', async () => {
      const { several, pid } = await portal();
      const before = filesOf(pid);
      const pairs = await several(CONNECTIONS);
      expect(filesOf(pid)).toBe(before + 2 * CONNECTIONS);
      for (const pair of pairs) await ENDINGS['the client finishes first'](pair);
      await eventually(() => expect(filesOf(pid)).toBe(before));
    });

    it('leave their files to clients that need them', async () => {
      const { several, relay, observer } = await portal((socket) =>
        startRelayWithFewFiles(OPEN_FILES, socket, ...ONE_THREAD),
      );
      for (const pair of await several(CROWD)) await ENDINGS['the client finishes first'](pair);
      // A socket for IPv4 is of no use to them.
      const endpoint = await TcpEndpoint.listen(greet('g'), '::1');
      const { port } = await relay.open({
        name: 'default/ipv6',
        protocol: 'TCP',
        address: '127.0.0.1',
        port: 0,
        routing: { endpoints: [endpoint.endpoint], sessionAffinity: { type: 'None' } },
      });
      for (let i = 0; i < CROWD; i++) {
        const client = await tcpConnect({ address: '127.0.0.1', port });
        expect(await client.text(1)).toBe('g');
      }
      expect(observer.filesExhaustedAt).toEqual([]);
    });
  },
);

/** A portal of a relay with one thread, and its connections, which have passed bytes both ways. */
async function portal(start = (socket: string) => startRelayProgram(socket, ...ONE_THREAD)) {
  const endpoint = await TcpEndpoint.listen(handOver);
  const { port, pid, relay, observer } = await nativeWebPortal(start, endpoint.endpoint);
  const at = { address: '127.0.0.1', port };
  let connections = 0;
  const connect = async (): Promise<Pair> => {
    const [question, answer] = [`question ${connections}`, `answer ${connections}`];
    connections += 1;
    const client = await tcpConnect(at);
    await client.send(question);
    const served = await endpoint.accepted();
    expect(await served.text(question.length)).toBe(question);
    await served.send(answer);
    expect(await client.text(answer.length)).toBe(answer);
    return { client, served };
  };
  const several = async (count: number): Promise<readonly Pair[]> => {
    const pairs: Pair[] = [];
    while (pairs.length < count) pairs.push(await connect());
    return pairs;
  };
  return { connect, several, at, endpoint, pid, relay, observer };
}

/** Of the socket that is connected from one port of this host to another (proc_net_tcp(5)). */
function inodeOf(localPort: number, remotePort: number): string {
  const [local, remote] = [localPort, remotePort].map((port) =>
    port.toString(16).toUpperCase().padStart(4, '0'),
  );
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(`:${local}`) && fields[2]?.endsWith(`:${remote}`)) return fields[9] ?? '';
  }
  throw new Error(`no socket from port ${localPort} to ${remotePort}`);
}

function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function isBefore(kernel: string, [major, minor]: readonly [number, number]): boolean {
  const [its = 0, itsMinor = 0] = kernel.split('.').map(Number.parseFloat);
  return its < major || (its === major && itsMinor < minor);
}
