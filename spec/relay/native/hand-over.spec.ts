import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Endpoint } from '../../../src/model/endpoint.js';
import type { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { blackHole } from '../../support/black-hole.js';
import { ByteStream, digestOf } from '../../support/byte-stream.js';
import { eventually } from '../../support/deadline.js';
import {
  NATIVE_RELAY,
  NATIVE_RELAY_MISSING,
  type StartedRelay,
  startRelayProgram,
} from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { RunningProgram, serviceManifest, writeManifest } from '../../support/program.js';
import { refusingEndpoint } from '../../support/refusing-endpoint.js';
import { RelayPeer } from '../../support/relay-program.js';
import { SteadyLoad } from '../../support/steady-load.js';
import { echo, greet, handOver, readNothing, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { type TcpPeer, tcpConnect } from '../../support/tcp-peer.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { echoDatagram, UdpEndpoint } from '../../support/udp-endpoint.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.56';
const UPGRADES = 20;
const CLIENTS = { kept: 30, reconnecting: 15, udp: 10 };
/** Questions of each kind, before each upgrade. */
const SOME = 150;
const STREAM_BYTES = 300_000_000;
const STREAMS = 2;
const STREAM_MS = 100_000;
/** What fits in the sockets' buffers, what fills a pipe, and what is never so much at a time that it gets one. */
const IN_PIECES = 8_000_000;
const SLOW_LENGTHS = [50_000, 30_000_000, IN_PIECES];
const PIECE = 4_096;

/** Another relay in the place of this one, which has ended when it resolves. */
async function upgrade(old: StartedRelay, socket: string, ...argv: readonly string[]): Promise<StartedRelay> {
  const next = await startRelayProgram(socket, '--take-over', ...argv);
  expect(await old.ended).toBe(0);
  return next;
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'a native relay that takes over from another (skipped where it is not built)',
  { timeout: 120_000 },
  () => {
    it(`${UPGRADES} times in a row, under load, costs no request, no byte of a stream, no session and no count`, async () => {
      const socket = join(temporaryDirectory(), 'relay.sock');
      let relay = await startRelayProgram(socket, '--threads', '2');
      const web = [await TcpEndpoint.listen(echo), await TcpEndpoint.listen(echo)];
      const bulk = await TcpEndpoint.listen(handOver);
      const dns = [await UdpEndpoint.bind(echoDatagram), await UdpEndpoint.bind(echoDatagram)];
      const manifest = writeManifest(
        join(temporaryDirectory(), 'services.yaml'),
        serviceManifest(
          'web',
          web.map(({ endpoint }) => endpoint),
        ),
        serviceManifest('bulk', [bulk.endpoint]),
        serviceManifest(
          'dns',
          dns.map(({ endpoint }) => endpoint),
          { protocol: 'UDP' },
        ),
      );
      const running = await RunningProgram.start(ADDRESS, [
        '--relay-socket',
        socket,
        '--udp-timeout',
        '30s',
        '--manifests',
        manifest,
      ]);
      const portOf = (name: string) => running.portOf(`default/${name}:main`);
      const [tcpPort, udpPort, bulkPort] = [await portOf('web'), await portOf('dns'), await portOf('bulk')];
      const load = await SteadyLoad.start({ address: ADDRESS, tcpPort, udpPort, ...CLIENTS });
      const streams: Promise<void>[] = [];
      for (let seed = 0; seed < STREAMS; seed++) {
        const client = await tcpConnect({ address: ADDRESS, port: bulkPort });
        streams.push(stream(client, await bulk.accepted(), seed));
      }
      for (let i = 0; i < UPGRADES; i++) {
        await load.more(SOME);
        relay = await upgrade(relay, socket, '--threads', String(1 + (i % 3)));
      }
      await load.more(SOME);
      await Promise.all(streams);
      const result = await load.stop();
      expect(result.failures).toEqual([]);
      await eventually(async () => {
        const { servicePorts } = await running.report();
        const of = (name: string) => servicePorts.find((port) => port.name === `default/${name}:main`);
        expect(of('web')).toMatchObject({
          totalConnections: CLIENTS.kept + result.connections,
          activeConnections: 0,
          dialFailures: 0,
        });
        expect(of('dns')).toMatchObject({ udpSessions: CLIENTS.udp, totalUdpSessions: CLIENTS.udp });
        expect(of('bulk')).toMatchObject({
          bytesIn: STREAMS * STREAM_BYTES,
          bytesOut: STREAMS * STREAM_BYTES,
        });
      });
    });

    it('goes on with what waits for a slow reader, in memory and in a pipe, and with the FIN behind it', async () => {
      const endpoint = await TcpEndpoint.listen(readNothing);
      const { at, relay, upgradeIt } = await webPortal([endpoint.endpoint]);
      const waiting: { readonly client: TcpPeer; readonly served: TcpPeer; readonly length: number }[] = [];
      for (const length of SLOW_LENGTHS) {
        const client = await tcpConnect(at);
        const sent = (length === IN_PIECES ? inPieces(client) : client.stream(length, length)).then(() =>
          client.finish(),
        );
        onTestFinished(() => sent);
        waiting.push({ client, served: await endpoint.accepted(), length });
      }
      await standsStill(relay);
      await upgradeIt();
      await upgradeIt();
      for (const { served, length } of waiting) {
        served.startReading();
        expect(await served.digest()).toEqual(digestOf(length, length));
        served.finish();
      }
      for (const { client } of waiting) expect(await client.rest()).toHaveLength(0);
    });

    it('goes on with a dial: the same tries, in the same time', async () => {
      const hole = await blackHole();
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const { at, relay, upgradeIt } = await webPortal([hole, endpoint.endpoint]);
      const clients = [await tcpConnect(at), await tcpConnect(at)];
      await upgradeIt();
      for (const client of clients) expect(await client.text(1)).toBe('g');
      // Until the control process has found the new relay, it knows what the old one told last.
      await eventually(async () => {
        expect((await relay.counters()).get('default/web')).toMatchObject({
          totalConnections: 2,
          dialFailures: 1,
        });
      });
    });

    it('goes on with what it has counted, by reason and by time, and with bonds', async () => {
      const refusing = await refusingEndpoint();
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const endpoints = [refusing, endpoint.endpoint];
      const { at, relay, upgradeIt } = await webPortal(endpoints);
      await relay.route('default/web', {
        endpoints,
        sessionAffinity: { type: 'ClientIP', timeoutSeconds: 100 },
      });
      for (const localAddress of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
        const client = await tcpConnect({ ...at, localAddress });
        expect(await client.text(1)).toBe('g');
        client.finish();
        await client.rest();
      }
      const read = async () => (await relay.counters()).get('default/web');
      await eventually(async () => expect(await read()).toMatchObject({ activeConnections: 0 }));
      const before = await read();
      expect(before).toMatchObject({
        affinityEntries: 3,
        failures: { 'dial-refused': before?.dialFailures },
      });
      expect(before?.dialFailures).toBeGreaterThan(0);
      expect(before?.dialTimes.counts.reduce((sum, count) => sum + count, 0)).toBe(3);
      const { startedAt = 0 } = (await relay.process()) ?? {};
      await upgradeIt();
      await eventually(async () => expect((await relay.process())?.startedAt).toBeGreaterThan(startedAt));
      // How long one is set aside yet grows less.
      expect(await read()).toEqual({ ...before, endpoints: expect.any(Map) });
      expect((await relay.affinity('default/web', '127.0.0.3'))?.endpoint).toBe(endpoint.key);
    });

    it('keeps clients with their endpoints, and the rotation where it was', async () => {
      const names = ['a', 'b', 'c'];
      const endpoints: Endpoint[] = [];
      for (const name of names) endpoints.push((await TcpEndpoint.listen(greet(name))).endpoint);
      const { at, relay, upgradeIt } = await webPortal(endpoints);
      const greeting = async (localAddress?: string): Promise<string> => {
        const client = await tcpConnect({ ...at, ...(localAddress === undefined ? {} : { localAddress }) });
        const name = await client.text(1);
        client.finish();
        await client.rest();
        return name;
      };
      const turns = [await greeting(), await greeting()];
      await upgradeIt();
      turns.push(await greeting());
      expect([...turns].sort()).toEqual(names);
      await relay.route('default/web', {
        endpoints,
        sessionAffinity: { type: 'ClientIP', timeoutSeconds: 100 },
      });
      const clients = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
      const bound = await inOrder(clients, greeting);
      expect([...bound].sort()).toEqual(names);
      await upgradeIt();
      expect(await inOrder(clients, greeting)).toEqual(bound);
    });

    it('lets connections end that a portal has which closed before', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const { at, relay, upgradeIt } = await webPortal([endpoint.endpoint]);
      const client = await tcpConnect(at);
      await client.send('before');
      expect(await client.text(6)).toBe('before');
      await relay.close('default/web');
      await upgradeIt();
      await client.send('after');
      expect(await client.text(5)).toBe('after');
      client.finish();
      expect(await client.rest()).toHaveLength(0);
    });

    it('which gives up in the middle leaves the other one to go on with all it has', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const { at, socket, started } = await webPortal([endpoint.endpoint]);
      const client = await tcpConnect(at);
      for (let i = 0; i < 3; i++) {
        // A peer that asks, and goes when it has its answer: the channel that came with it goes, too.
        const peer = await RelayPeer.connect(socket);
        await peer.lines(1);
        peer.send('1 hello 1\n2 hand-over\n');
        expect(await peer.lines(2)).toEqual(['1 ok', '2 ok']);
        peer.end();
        await client.send(`still there ${i}?`);
        expect(await client.text(14)).toBe(`still there ${i}?`);
        const another = await tcpConnect(at);
        await another.send('new');
        expect(await another.text(3)).toBe('new');
      }
      await eventually(() =>
        expect(started.stderr().match(/not handed over, and going on/g)).toHaveLength(3),
      );
    });

    it('begins as any other where nobody serves the socket', async () => {
      const socket = join(temporaryDirectory(), 'relay.sock');
      await startRelayProgram(socket, '--take-over');
      const peer = await RelayPeer.connect(socket);
      expect(await peer.lines(1)).toEqual([expect.stringMatching(/^kube-splice-relay 1 /)]);
      peer.end();
    });

    it('gets nothing from one that ends with who started it', async () => {
      const child = spawn(NATIVE_RELAY, ['--control-fd', '3'], {
        stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
      });
      const ended = once(child, 'exit');
      const control = child.stdio[3];
      if (!(control instanceof Socket)) throw new Error('its control socket is a pipe of ours');
      const peer = RelayPeer.over(control);
      await peer.lines(1);
      peer.send('1 hello 1\n2 hand-over\n');
      expect(await peer.lines(2)).toEqual(['1 ok', expect.stringMatching(/^2 error NOT_HANDED_OVER /)]);
      peer.end();
      await ended;
    });
  },
);

/** Both ways at once, to the last byte and the FIN behind it. */
async function stream(client: TcpPeer, served: TcpPeer, seed: number): Promise<void> {
  const send = async (peer: TcpPeer, ofSeed: number): Promise<void> => {
    await peer.stream(ofSeed, STREAM_BYTES);
    peer.finish();
  };
  const [, , toEndpoint, toClient] = await Promise.all([
    send(client, 2 * seed),
    send(served, 2 * seed + 1),
    served.digest(STREAM_MS),
    client.digest(STREAM_MS),
  ]);
  expect(toEndpoint).toEqual(digestOf(2 * seed, STREAM_BYTES));
  expect(toClient).toEqual(digestOf(2 * seed + 1, STREAM_BYTES));
}

/** A portal of a relay with two threads, and how to put another in its place. */
async function webPortal(endpoints: readonly Endpoint[]) {
  const [first] = endpoints;
  if (first === undefined) throw new Error('an endpoint is wanted');
  const path: string[] = [];
  const relays: StartedRelay[] = [];
  const start = async (socket: string): Promise<StartedRelay> => {
    path.push(socket);
    const started = await startRelayProgram(socket, '--threads', '2');
    relays.push(started);
    return started;
  };
  const { port, relay } = await nativeWebPortal(start, first);
  const [socket = '', [started]] = [path[0], relays];
  if (started === undefined) throw new Error('it was started');
  await relay.route('default/web', { endpoints, sessionAffinity: { type: 'None' } });
  let current = started;
  const upgradeIt = async (): Promise<void> => {
    current = await upgrade(current, socket, '--threads', '2');
  };
  return { at: { address: '127.0.0.1', port }, socket, started, relay, upgradeIt };
}

/** Resolves when no more bytes move: everybody waits for a reader. */
async function standsStill(relay: NativeRelay): Promise<void> {
  let before = -1;
  await eventually(async () => {
    const { bytesIn = 0 } = (await relay.counters()).get('default/web') ?? {};
    const stands = bytesIn === before && bytesIn > 0;
    before = bytesIn;
    expect(stands).toBe(true);
  });
}

async function inOrder(
  clients: readonly string[],
  ask: (client: string) => Promise<string>,
): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const client of clients) answers.push(await ask(client));
  return answers;
}

/** As `stream`, so little at a time that the relay copies it. */
async function inPieces(client: TcpPeer): Promise<void> {
  const whole = Buffer.concat([...new ByteStream(IN_PIECES).chunks(IN_PIECES)]);
  for (let from = 0; from < whole.length; from += PIECE) {
    await client.send(whole.subarray(from, from + PIECE));
    await nextTurn();
  }
}
