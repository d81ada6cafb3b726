import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../support/byte-stream.js';
import { eventually } from '../../support/deadline.js';
import {
  NATIVE_RELAY_MISSING,
  type StartedRelay,
  startRelayProgram,
} from '../../support/native-relay-program.js';
import { RunningProgram, serviceManifest, writeManifest } from '../../support/program.js';
import { SteadyLoad } from '../../support/steady-load.js';
import { echo, handOver, TcpEndpoint } from '../../support/tcp-endpoint.js';
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
