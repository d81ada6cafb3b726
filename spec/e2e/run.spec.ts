import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, within } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import {
  Program,
  RunningProgram,
  serviceManifest,
  WITHOUT_STEERING,
  writeManifest,
} from '../support/program.js';
import { echo, greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { UdpClient } from '../support/udp-client.js';
import { UdpEndpoint } from '../support/udp-endpoint.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.81.1';

async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ host: ADDRESS, port, allowHalfOpen: true });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await within('a connection', once(socket, 'connect'));
  return socket;
}

/** Whom a new connection reaches. */
async function greetingOn(port: number): Promise<string> {
  const socket = await connectTo(port);
  const [data] = await within('a greeting', once(socket, 'data'));
  return String(data);
}

async function isAccepted(port: number): Promise<boolean> {
  const socket = connect(port, ADDRESS);
  const accepted = await within(
    'an answer to a connection',
    new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    }),
  );
  socket.destroy();
  return accepted;
}

async function echoOn(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = await within('an echo', once(socket, 'data'));
  return String(data);
}

describe('kube-splice --manifests', () => {
  it('proxies TCP and UDP to the endpoints that are declared', async () => {
    const tcp = [await TcpEndpoint.listen(greet('a')), await TcpEndpoint.listen(greet('b'))];
    const udp = await UdpEndpoint.bind((payload) => `answer to ${payload}`);
    const manifest = writeManifest(
      join(temporaryDirectory(), 'services.yaml'),
      serviceManifest(
        'web',
        tcp.map(({ endpoint }) => endpoint),
      ),
      serviceManifest('dns', [udp.endpoint], { protocol: 'UDP' }),
    );
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
    const port = await proxy.portOf('default/web:main');
    const greetings = [
      await greetingOn(port),
      await greetingOn(port),
      await greetingOn(port),
      await greetingOn(port),
    ];
    expect(greetings.toSorted()).toEqual(['a', 'a', 'b', 'b']);
    const client = await UdpClient.connect({
      address: ADDRESS,
      port: await proxy.portOf('default/dns:main'),
    });
    expect(await client.ask('question')).toBe('answer to question');
  });

  it('takes portal ports from --proxy-port-range', async () => {
    const endpoint = await TcpEndpoint.listen(greet('a'));
    const manifest = writeManifest(
      join(temporaryDirectory(), 'a.yaml'),
      serviceManifest('web', [endpoint.endpoint]),
    );
    const proxy = await RunningProgram.start(ADDRESS, [
      '--manifests',
      manifest,
      '--proxy-port-range',
      '42000-42000',
    ]);
    expect(await proxy.portOf('default/web:main')).toBe(42_000);
  });

  it('follows a change of a file without dropping what did not change', async () => {
    const [before, after, stays] = [
      await TcpEndpoint.listen(greet('before')),
      await TcpEndpoint.listen(greet('after')),
      await TcpEndpoint.listen(echo),
    ];
    const path = join(temporaryDirectory(), 'services.yaml');
    const unchanged = serviceManifest('stays', [stays.endpoint]);
    writeManifest(path, serviceManifest('web', [before.endpoint]), unchanged);
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', path]);
    const open = await connectTo(await proxy.portOf('default/stays:main'));
    expect(await echoOn(open, 'one')).toBe('one');
    const port = await proxy.portOf('default/web:main');
    expect(await greetingOn(port)).toBe('before');
    writeManifest(path, serviceManifest('web', [after.endpoint]), unchanged);
    await eventually(async () => expect(await greetingOn(port)).toBe('after'));
    expect(await echoOn(open, 'two')).toBe('two');
  });

  it('keeps the last good state of a file that breaks, and says where', async () => {
    const endpoint = await TcpEndpoint.listen(greet('good'));
    const path = join(temporaryDirectory(), 'services.yaml');
    writeManifest(path, serviceManifest('web', [endpoint.endpoint]));
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', path]);
    writeFileSync(
      `${path}.new`,
      serviceManifest('web', [endpoint.endpoint]).replace('port: 80,', 'port: 70000,'),
    );
    renameSync(`${path}.new`, path);
    await proxy.program.says(/services\.yaml:5: spec\.ports\[0\]\.port/);
    expect(await greetingOn(await proxy.portOf('default/web:main'))).toBe('good');
    expect((await proxy.report()).sources[0]?.errors).toHaveLength(1);
  });

  it('answers for its health and its mode', async () => {
    const manifest = writeManifest(join(temporaryDirectory(), 'a.yaml'), serviceManifest('web', []));
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
    const health = await proxy.get('/healthz');
    expect(health.status).toBe(200);
    expect(await health.text()).toMatch(/^{"lastUpdated": "[^"]+ UTC","currentTime": "[^"]+ UTC"}$/);
    expect(await (await proxy.get('/proxyMode')).text()).toBe('userspace');
  });

  it('shows itself to kube-splice status, as a table and as JSON', async () => {
    const endpoint = await TcpEndpoint.listen(greet('a'));
    const manifest = writeManifest(
      join(temporaryDirectory(), 'a.yaml'),
      serviceManifest('web', [endpoint.endpoint]),
    );
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
    const port = await proxy.portOf('default/web:main');
    await greetingOn(port);
    const table = await Program.run('status', '--healthz-bind-address', ADDRESS);
    expect(table).toMatchObject({ exitCode: 0, stderr: '' });
    expect(table.stdout).toMatch(new RegExp(`default/web:main +TCP .*${ADDRESS}:${port}`));
    const json = await Program.run('status', '--healthz-bind-address', ADDRESS, '-o', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      servicePorts: [{ name: 'default/web:main', portal: { port }, totalConnections: 1 }],
    });
  });

  it('prints the whole status of many Services into a pipe', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `s${n}`);
    const manifest = writeManifest(
      join(temporaryDirectory(), 'a.yaml'),
      ...names.map((name) => serviceManifest(name, [])),
    );
    await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
    const { stdout } = await Program.run('status', '--healthz-bind-address', ADDRESS, '-o', 'json');
    // More than a pipe holds.
    expect(stdout.length).toBeGreaterThan(100_000);
    expect(JSON.parse(stdout).servicePorts).toHaveLength(names.length);
  });

  it.for([
    ['portable', 90],
    ['native', 120],
  ] as const)(
    'goes on at its limit of open files (%s): clients wait, and are served when there is room',
    async ([relay, count], { skip }) => {
      skip(relay === 'native' && NATIVE_RELAY_MISSING, 'the native relay is not built');
      const endpoint = await TcpEndpoint.listen(echo);
      const manifest = writeManifest(
        join(temporaryDirectory(), 'a.yaml'),
        serviceManifest('web', [endpoint.endpoint]),
      );
      const argv = ['--relay', relay, '--manifests', manifest];
      const proxy = await RunningProgram.start(ADDRESS, argv, { openFiles: 256 });
      const port = await proxy.portOf('default/web:main');
      const clients = await Promise.all(Array.from({ length: count }, () => connectTo(port)));
      await proxy.program.says(/out of file descriptors/);
      const [first, last] = [clients[0], clients.at(-1)];
      if (first === undefined || last === undefined) throw new Error('there are clients');
      expect(await echoOn(first, 'still here')).toBe('still here');
      const served = echoOn(last, 'my turn');
      for (const client of clients.slice(0, 45)) client.destroy();
      expect(await served).toBe('my turn');
      await proxy.program.says(/there are file descriptors again/);
      expect(proxy.program.stderr.match(/out of file descriptors: new connections wait/g)).toHaveLength(1);
    },
  );

  it('starts from the unit file of a kube-proxy, and warns of each flag without effect', async () => {
    const manifest = writeManifest(join(temporaryDirectory(), 'a.yaml'), serviceManifest('web', []));
    const flags = [
      '--proxy-mode=userspace',
      '--cluster-cidr=10.244.0.0/16',
      '--detect-local-mode=ClusterCIDR',
      '--masquerade-all=false',
      '--v=1',
    ];
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest, ...flags]);
    expect(proxy.program.stderr.match(/--[\w-]+ has no effect/g)).toEqual([
      '--detect-local-mode has no effect',
    ]);
  });

  it('tells which connection failed, and why', async () => {
    const manifest = writeManifest(
      join(temporaryDirectory(), 'a.yaml'),
      serviceManifest('web', [{ address: ADDRESS, port: 9 }]),
    );
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
    // The reset may come before this process has noticed that it is connected.
    const socket = connect(await proxy.portOf('default/web:main'), ADDRESS).on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    const client = '127[.0-9]+:\\d+';
    await proxy.program.says(
      new RegExp(`connection failed.* servicePort=default/web:main .*client=${client} endpoint=${ADDRESS}:9`),
    );
  });

  it('writes JSON lines, to files where it is told so', async () => {
    const directory = temporaryDirectory();
    const logs = join(directory, 'logs');
    mkdirSync(logs);
    const manifest = writeManifest(join(directory, 'a.yaml'), serviceManifest('web', []));
    const argv = ['--manifests', manifest, '--log-format=json', '--log-dir', logs, '--alsologtostderr'];
    const proxy = await RunningProgram.start(ADDRESS, argv);
    proxy.program.signal('SIGTERM');
    expect(await proxy.program.ended()).toBe(0);
    const lines = readFileSync(join(logs, 'kube-splice.log'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).message)).toContain('stopped');
    expect(proxy.program.stderr.trim().split('\n')).toEqual(lines);
  });
});

describe('the end of kube-splice', () => {
  async function serving() {
    const endpoint = await TcpEndpoint.listen(echo);
    const manifest = writeManifest(
      join(temporaryDirectory(), 'a.yaml'),
      serviceManifest('web', [endpoint.endpoint]),
    );
    const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
    const port = await proxy.portOf('default/web:main');
    const open = await connectTo(port);
    await echoOn(open, 'begin');
    return { proxy, port, open };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s lets open connections end, takes no new one, and exits 0',
    async (signal) => {
      const { proxy, port, open } = await serving();
      proxy.program.signal(signal);
      await eventually(async () => expect(await isAccepted(port)).toBe(false));
      expect(await echoOn(open, 'end')).toBe('end');
      open.end();
      expect(await proxy.program.ended()).toBe(0);
    },
  );

  it('does not wait longer than five seconds for a connection that goes on', async () => {
    const { proxy, open } = await serving();
    const reset = within('a reset', new Promise((resolve) => open.once('error', resolve)), 8_000);
    const asked = Date.now();
    proxy.program.signal('SIGTERM');
    expect(await proxy.program.ended()).toBe(0);
    expect(Date.now() - asked).toBeGreaterThanOrEqual(4_900);
    await expect(reset).resolves.toMatchObject({ code: 'ECONNRESET' });
  });

  it('comes at once with a second signal', async () => {
    const { proxy } = await serving();
    proxy.program.signal('SIGTERM');
    await proxy.program.says(/SIGTERM received/);
    proxy.program.signal('SIGINT');
    expect(await proxy.program.ended()).toBe(130);
  });

  it('is not hurried by the echo of a signal, as timeout and npm make one', async () => {
    const { proxy, open } = await serving();
    proxy.program.signal('SIGTERM');
    await delay(10);
    proxy.program.signal('SIGTERM');
    await proxy.program.says(/stopping: open connections may end/);
    expect(await echoOn(open, 'end')).toBe('end');
    open.end();
    expect(await proxy.program.ended()).toBe(0);
  });

  it('comes with a stack and exit code 1 after an exception that nobody expected', async () => {
    const manifest = writeManifest(join(temporaryDirectory(), 'a.yaml'), serviceManifest('web', []));
    // As soon as somebody would hear it.
    const bomb = `data:text/javascript,setInterval(() => {
      if (process.listenerCount('uncaughtException') > 0) throw new Error('nobody expected this');
    }, 20)`;
    const argv = ['--manifests', manifest, '--healthz-port', '0', ...WITHOUT_STEERING];
    const program = Program.start(argv, {
      nodeArguments: ['--import', bomb],
    });
    expect(await program.ended()).toBe(1);
    expect(program.stderr).toMatch(/uncaught exception.*nobody expected this.*at /s);
  });
});

describe('bad input', () => {
  it.each([
    [['--manifest', 'x'], /--manifest.*did you mean --manifests/],
    [['--udp-timeout=-5s', '--manifests', 'x'], /--udp-timeout.*-5s.*negative/],
    [['--proxy-port-range', '9-1', '--manifests', 'x'], /--proxy-port-range.*9-1/],
    [[], /--manifests/],
    [['stauts'], /did you mean status/],
  ])('%j is said so, with exit code 2 and without a stack', async (argv, message) => {
    const { exitCode, stderr, stdout } = await Program.run(...argv);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
  });

  it('a manifest that is not there is named, with exit code 1', async () => {
    const { exitCode, stderr } = await Program.run(
      '--manifests',
      '/nowhere/services.yaml',
      '--healthz-port',
      '0',
      ...WITHOUT_STEERING,
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('MANIFEST_UNREADABLE');
    expect(stderr).toContain('/nowhere/services.yaml');
  });

  it('a status port that another program holds is named, with exit code 1', async () => {
    const other = createServer().listen(0, ADDRESS);
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const manifest = writeManifest(join(temporaryDirectory(), 'a.yaml'), serviceManifest('web', []));
    const { exitCode, stderr } = await Program.run(
      '--manifests',
      manifest,
      '--healthz-bind-address',
      ADDRESS,
      '--healthz-port',
      `${port}`,
      ...WITHOUT_STEERING,
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('STATUS_ADDRESS_IN_USE');
    expect(stderr).toContain(`${ADDRESS}:${port}`);
  });

  it('a log directory that cannot be used is named, with exit code 1', async () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    const { exitCode, stderr } = await Program.run(
      '--manifests',
      path,
      '--log-dir',
      join(path, 'logs'),
      ...WITHOUT_STEERING,
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('LOG_DIRECTORY_UNUSABLE');
    expect(stderr).toContain(path);
  });

  it('a status command without a proxy says where it asked, with exit code 1', async () => {
    const { exitCode, stderr } = await Program.run(
      'status',
      '--healthz-bind-address',
      ADDRESS,
      '--healthz-port',
      '9',
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${ADDRESS}:9`);
  });
});
