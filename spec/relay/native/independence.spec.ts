import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RunningProgram, serviceManifest, writeManifest } from '../../support/program.js';
import { SteadyLoad } from '../../support/steady-load.js';
import { echo, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { echoDatagram, UdpEndpoint } from '../../support/udp-endpoint.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.55';
const BLOCKED_MS = 2_000;
const CLIENTS = { kept: 40, reconnecting: 20, udp: 10 };
/** Questions of each kind, before and after what happens. */
const MANY = 1_000;
/** How soon a relay that died is to be back, and how often that is tried: a busy machine may be slower once. */
const BACK_WITHIN_MS = 100;
const DEATHS = 10;

/** Services `web` (TCP) and `dns` (UDP), each with two endpoints that echo. */
async function manifestOfEchoes(): Promise<string> {
  const tcp = [await TcpEndpoint.listen(echo), await TcpEndpoint.listen(echo)];
  const udp = [await UdpEndpoint.bind(echoDatagram), await UdpEndpoint.bind(echoDatagram)];
  return writeManifest(
    join(temporaryDirectory(), 'services.yaml'),
    serviceManifest(
      'web',
      tcp.map(({ endpoint }) => endpoint),
    ),
    serviceManifest(
      'dns',
      udp.map(({ endpoint }) => endpoint),
      { protocol: 'UDP' },
    ),
  );
}

async function loadOn(running: RunningProgram): Promise<SteadyLoad> {
  const [tcpPort, udpPort] = [
    await running.portOf('default/web:main'),
    await running.portOf('default/dns:main'),
  ];
  return SteadyLoad.start({ address: ADDRESS, tcpPort, udpPort, ...CLIENTS });
}

/** What the report says of a Service, as far as it matters here. */
async function servicePortOf(running: RunningProgram, name: string) {
  const found = (await running.report()).servicePorts.find((servicePort) => servicePort.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

/** The process of the relay that the program has started (proc(5), `children`). */
function childRelayOf({ program: { pid } }: RunningProgram): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const found = children.find((child) => child > 0 && nameOf(child).startsWith('kube-splice-rel'));
  if (found === undefined) throw new Error('no process of a relay');
  return found;
}

/** Empty where it has ended meanwhile. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return '';
  }
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'the native relay (skipped where it is not built)',
  { timeout: 90_000 },
  () => {
    it('serves every open and new connection and session while no JavaScript runs for two seconds', async () => {
      const running = await RunningProgram.start(ADDRESS, [
        '--relay',
        'native',
        '--udp-timeout',
        '30s',
        '--manifests',
        await manifestOfEchoes(),
      ]);
      const load = await loadOn(running);
      await load.more(MANY);
      const { requests } = load;
      running.program.signal('SIGSTOP');
      onTestFinished(() => running.program.signal('SIGCONT'));
      await pause(BLOCKED_MS);
      const served = load.requests - requests;
      running.program.signal('SIGCONT');
      await load.more(MANY);
      const result = await load.stop();
      expect(result.failures).toEqual([]);
      expect(served).toBeGreaterThan(MANY);
    });

    it('goes on when the control process is killed, and with the next one: same ports, same sessions, counters that go on', async () => {
      const socket = join(temporaryDirectory(), 'relay.sock');
      const relay = await startRelayProgram(socket);
      const argv = [
        '--relay-socket',
        socket,
        '--udp-timeout',
        '30s',
        '--manifests',
        await manifestOfEchoes(),
      ] as const;
      const first = await RunningProgram.start(ADDRESS, argv);
      const load = await loadOn(first);
      await load.more(MANY);
      const before = await servicePortOf(first, 'default/web:main');
      first.program.signal('SIGKILL');
      await first.program.ended();
      await load.more(MANY);
      const second = await RunningProgram.start(ADDRESS, argv);
      await load.more(MANY);
      const after = await servicePortOf(second, 'default/web:main');
      const dns = await servicePortOf(second, 'default/dns:main');
      const result = await load.stop();
      expect(result.failures).toEqual([]);
      expect(after.portal).toEqual(before.portal);
      expect(after.totalConnections).toBeGreaterThanOrEqual(before.totalConnections + 2 * MANY);
      expect(dns.totalUdpSessions).toBe(CLIENTS.udp);
      expect(relay.hasEnded).toBe(false);
    });

    it('ends with the control process that started it, however that ends', async () => {
      const argv = ['--relay', 'native', '--manifests', await manifestOfEchoes()];
      const running = await RunningProgram.start(ADDRESS, argv);
      const pid = childRelayOf(running);
      running.program.signal('SIGKILL');
      await running.program.ended();
      await eventually(() => expect(nameOf(pid)).not.toMatch(/^kube-splice-rel/));
    });

    it('is back with all its portals soon after it died', async () => {
      const running = await RunningProgram.start(ADDRESS, [
        '--relay',
        'native',
        '--manifests',
        await manifestOfEchoes(),
      ]);
      const port = await running.portOf('default/web:main');
      const took: number[] = [];
      while (took.length < 2 || (took.length < DEATHS && Math.min(...took) >= BACK_WITHIN_MS)) {
        // One that dies at once again is not started again at once.
        await pause(1_200);
        const pid = childRelayOf(running);
        const killed = performance.now();
        process.kill(pid, 'SIGKILL');
        await eventually(async () => expect(await isServed(port)).toBe(true));
        took.push(performance.now() - killed);
        await eventually(() => expect(childRelayOf(running)).not.toBe(pid));
      }
      expect(await running.portOf('default/web:main')).toBe(port);
      expect(Math.min(...took)).toBeLessThan(BACK_WITHIN_MS);
    });
  },
);

/** Whether a connection to the portal is answered by an endpoint. */
function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ADDRESS, port });
    const end = (served: boolean) => (): void => {
      socket.destroy();
      resolve(served);
    };
    socket.on('error', end(false));
    socket.on('close', end(false));
    socket.on('data', end(true));
    socket.write('x');
  });
}
