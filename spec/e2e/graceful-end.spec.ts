import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { systemErrorCode } from '../../src/model/errors.js';
import { eventually, within } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../support/native-relay-program.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { echo, TcpEndpoint } from '../support/tcp-endpoint.js';
import { type TcpPeer, tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.84.1';
const NODE = 'node-1';
/** Below the kernel's own choices (`ip_local_port_range`), and no other spec's. */
const HEALTH_CHECK_PORT = 31_881;

const RELAYS = ['portable', 'native'] as const;

/** What a client of this machine, `curl`, gets: the status code, or the exit code's name where there is none. */
async function curl(url: string): Promise<string> {
  const argv = ['-s', '--max-time', '5', '-o', '/dev/null', '-w', '%{http_code}', url];
  try {
    return (await promisify(execFile)('curl', argv)).stdout;
  } catch {
    return 'refused';
  }
}

async function serving(argv: readonly string[]) {
  const endpoint = await TcpEndpoint.listen(echo);
  const local = `  type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: ${HEALTH_CHECK_PORT}\n`;
  const manifest = serviceManifest('web', [endpoint.endpoint], { spec: local });
  const path = writeManifest(
    join(temporaryDirectory(), 'web.yaml'),
    manifest.replace('conditions:', `nodeName: ${NODE}, conditions:`),
  );
  const flags = ['--manifests', path, '--hostname-override', NODE, ...argv];
  const proxy = await RunningProgram.start(ADDRESS, flags);
  const port = await proxy.portOf('default/web:main');
  const connect = () => tcpConnect({ address: ADDRESS, port });
  const checks = async () => [
    await curl(`http://${ADDRESS}:${proxy.statusPort}/healthz`),
    await curl(`http://127.0.0.1:${HEALTH_CHECK_PORT}/`),
  ];
  return { proxy, program: proxy.program, connect, checks };
}

async function answers(client: TcpPeer): Promise<void> {
  await client.send('hello');
  expect(await client.text(5)).toBe('hello');
}

async function isRefused(connect: () => Promise<TcpPeer>): Promise<void> {
  const outcome = await connect().then(({ socket }) => socket.destroy(), systemErrorCode);
  expect(outcome).toBe('ECONNREFUSED');
}

describe.for(RELAYS)('SIGTERM, with the %s relay', (relay) => {
  it('makes health 503 at once, and new clients are served until --shutdown-delay is over', async ({
    skip,
  }) => {
    skip(relay === 'native' && NATIVE_RELAY_MISSING, 'the native relay is not built');
    const { program, connect, checks } = await serving(['--relay', relay, '--shutdown-delay', '2s']);
    await eventually(async () => expect(await checks()).toEqual(['200', '200']));
    const asked = performance.now();
    program.signal('SIGTERM');
    await program.says(/leaving: health is 503, and portals still listen.* shutdownDelay=2s/);
    expect(await checks()).toEqual(['503', '503']);
    const client = await connect();
    await answers(client);
    await program.says(/stopping: open connections may end.* drainTimeout=5s/);
    expect(performance.now() - asked).toBeGreaterThanOrEqual(1_990);
    await eventually(() => isRefused(connect));
    // Open before, and it ends within the drain: nothing of it is lost.
    await answers(client);
    client.finish();
    expect((await client.rest()).length).toBe(0);
    expect(await program.ended()).toBe(0);
  });

  it('resets what is open still when --drain-timeout is over', async ({ skip }) => {
    skip(relay === 'native' && NATIVE_RELAY_MISSING, 'the native relay is not built');
    const { program, connect } = await serving(['--relay', relay, '--drain-timeout', '500ms']);
    const clients = [await connect(), await connect(), await connect()];
    await Promise.all(clients.map(answers));
    const [ending, ...open] = clients;
    const asked = performance.now();
    program.signal('SIGTERM');
    await program.says(/stopping: open connections may end.* drainTimeout=500ms/);
    ending?.finish();
    await ending?.rest();
    expect(await Promise.all(open.map((client) => client.ending()))).toEqual(['reset', 'reset']);
    expect(performance.now() - asked).toBeGreaterThanOrEqual(490);
    expect(await program.ended()).toBe(0);
    expect(program.stderr).toMatch(/stopped reset=2$/m);
  });

  it.for(['--shutdown-delay=60s', '--drain-timeout=60s'])(
    'with %s ends at once with a second signal, in order',
    async (flag, { skip }) => {
      skip(relay === 'native' && NATIVE_RELAY_MISSING, 'the native relay is not built');
      const { program, connect } = await serving(['--relay', relay, flag]);
      const client = await connect();
      await answers(client);
      program.signal('SIGTERM');
      await program.says(flag.startsWith('--shutdown') ? /leaving/ : /stopping/);
      await answers(client);
      program.signal('SIGINT');
      expect(await client.ending()).toBe('reset');
      expect(await within('the end', program.ended())).toBe(130);
      expect(program.stderr).toMatch(/stopped reset=1$/m);
    },
  );
});

describe.skipIf(NATIVE_RELAY_MISSING)(
  'SIGTERM, with a relay of --relay-socket (skipped where the native relay is not built)',
  () => {
    it('drains nothing: the relay goes on with its portals and connections', async () => {
      const socket = join(temporaryDirectory(), 'relay.sock');
      await startRelayProgram(socket);
      const { program, connect } = await serving(['--relay-socket', socket]);
      const client = await connect();
      await answers(client);
      program.signal('SIGTERM');
      expect(await program.ended()).toBe(0);
      expect(program.stderr).toMatch(/stopping: the relay goes on with its portals and connections/);
      await answers(client);
      await answers(await connect());
    });
  },
);
