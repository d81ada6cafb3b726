import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ClusterUnderLoad, LONG_UDP_SESSIONS } from '../support/cluster-under-load.js';
import { eventually } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { ProxyUnderLoad } from '../support/proxy-under-load.js';
import { SteadyLoad } from '../support/steady-load.js';
import { echo, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { UdpClient } from '../support/udp-client.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.61';
const MANY = 300;
const OPEN = 50;
const AWAY_MS = 15_000;
const RECOVERY_MS = 30_000;

describe.skipIf(NATIVE_RELAY_MISSING)('an end without a farewell (skipped without the native relay)', () => {
  it('of the control process costs no client anything: kill -9, and it is started again', {
    timeout: 60_000,
  }, async () => {
    const { proxy, load, tcpPort } = await ProxyUnderLoad.start({ address: ADDRESS });
    proxy.program.signal('SIGKILL');
    await proxy.program.ended();
    await load.more(MANY);
    const again = await RunningProgram.start(ADDRESS, proxy.argv);
    expect(await again.portOf('default/web:main')).toBe(tcpPort);
    await load.more(MANY);
    expect((await load.stop()).failures).toEqual([]);
  });

  it('of the relay ends what is open and no more: new clients and datagrams find the same portals', {
    timeout: 60_000,
  }, async () => {
    const web = await TcpEndpoint.listen(echo);
    const dns = await UdpEndpoint.bind(echoDatagram);
    const manifest = writeManifest(
      join(temporaryDirectory(), 'services.yaml'),
      serviceManifest('web', [web.endpoint]),
      serviceManifest('dns', [dns.endpoint], { protocol: 'UDP' }),
    );
    const proxy = await RunningProgram.start(ADDRESS, ['--relay', 'native', '--manifests', manifest]);
    const at = { address: ADDRESS, port: await proxy.portOf('default/web:main') };
    const udpPort = await proxy.portOf('default/dns:main');
    const open = [];
    while (open.length < OPEN) {
      const client = await tcpConnect(at);
      await client.send('hello');
      expect(await client.text(5)).toBe('hello');
      open.push(client);
    }
    const [relay] = childrenOf(proxy.program.pid);
    process.kill(relay ?? 0, 'SIGKILL');
    // By a reset or a FIN, as the kernel closes sockets with something unread, or without.
    await Promise.all(open.map((client) => client.ending()));
    // As soon as a client is let in it is served: from then on nobody fails.
    await eventually(async () => {
      const client = await tcpConnect(at);
      await client.send('back?');
      expect(await client.text(5)).toBe('back?');
    });
    expect(await (await UdpClient.connect({ address: ADDRESS, port: udpPort })).ask('q')).toBe('q');
    const load = await SteadyLoad.start({
      address: ADDRESS,
      tcpPort: at.port,
      udpPort,
      kept: 5,
      reconnecting: 5,
      udp: 5,
    });
    await load.more(MANY);
    expect((await load.stop()).failures).toEqual([]);
    expect(childrenOf(proxy.program.pid)).not.toEqual([relay]);
  });
});

it(`of the API server costs no client anything, for ${AWAY_MS} ms or longer: what changed meanwhile arrives`, {
  timeout: 90_000,
}, async () => {
  const cluster = await ClusterUnderLoad.start();
  const { server } = cluster;
  const argv = ['--master', server.url, '--hostname-override', 'node-a', ...LONG_UDP_SESSIONS];
  const proxy = await RunningProgram.start(ADDRESS, argv);
  const load = await cluster.clientsOf(proxy);
  await load.more(MANY);
  await server.pause();
  await proxy.program.says(/APISERVER_UNREACHABLE/);
  // Beyond this nothing gets other but the wait between two tries, which has a longest one.
  await pause(AWAY_MS);
  await load.more(MANY);
  cluster.createAnother();
  await server.resume();
  await eventually(async () => {
    expect((await proxy.report()).servicePorts.map(({ name }) => name)).toContain('default/late:http');
  }, RECOVERY_MS);
  await load.more(MANY);
  expect((await load.stop()).failures).toEqual([]);
});

/** proc_pid_task_children(5). */
function childrenOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children
    .split(' ')
    .filter((text) => text.trim() !== '')
    .map(Number);
}
