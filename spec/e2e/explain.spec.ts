import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { Program, RunningProgram, serviceManifest } from '../support/program.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Loopback addresses that no other spec uses: every port of them is free. */
const ADDRESS = '127.0.84.4';
const CLIENT_ADDRESS = '127.0.84.7';

it('which endpoint is broken, and why another is not used, is told by kube-splice explain', async () => {
  const endpoint = await TcpEndpoint.listen(greet('g'));
  const [sound, broken] = [endpoint.endpoint, { address: '127.0.84.5', port: 9 }];
  const manifest = join(temporaryDirectory(), 'a.yaml');
  const notReady = serviceManifest('web', [{ address: '127.0.84.6', port: 9 }])
    .split('---\n')
    .slice(1)
    .join('---\n')
    .replace('ready: true', 'ready: false')
    .replace('name: web-0', 'name: web-9');
  writeFileSync(manifest, [serviceManifest('web', [sound, broken]), notReady].join('---\n'));
  const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
  const port = await proxy.portOf('default/web:main');
  // Each try at the broken one is followed by one at the sound one: no client loses.
  for (let client = 0; client < 4; client += 1)
    expect(await (await tcpConnect({ address: ADDRESS, port })).text(1)).toBe('g');

  const explain = (...argv: string[]) => Program.run('explain', '--healthz-bind-address', ADDRESS, ...argv);
  await eventually(async () => {
    const { exitCode, stdout } = await explain('default/web:80');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Endpoints: 2 of 3 in use');
    expect(stdout).toMatch(/127\.0\.84\.6:9 +not used: not ready/);
    expect(stdout).toMatch(
      /client 127\.0\.\d+\.\d+:\d+ +endpoint 127\.0\.84\.5:9 +dial-refused .*another endpoint was tried/,
    );
    expect(stdout).toContain('Ways in: nothing is steered (--steering=none)');
  });
  const [explanation] = JSON.parse((await explain('default/web', '-o', 'json')).stdout).explanations;
  expect(explanation.servicePort).toMatchObject({
    name: 'default/web:main',
    portal: { address: ADDRESS, port },
  });

  expect(explanation.client).toBeNull();

  const { exitCode, stderr } = await explain('default/wbe');
  expect(exitCode).toBe(1);
  expect(stderr).toContain(
    'kube-splice: no Service "default/wbe" is proxied here; did you mean "default/web"?',
  );
  expect(stderr).toContain('(SERVICE_PORT_UNKNOWN)');
});

it('which endpoint is held for a client is told by kube-splice explain --client', async () => {
  const endpoints = [await TcpEndpoint.listen(greet('a')), await TcpEndpoint.listen(greet('b'))] as const;
  const manifest = join(temporaryDirectory(), 'a.yaml');
  writeFileSync(
    manifest,
    serviceManifest(
      'web',
      endpoints.map(({ endpoint }) => endpoint),
    ).replace('spec:', 'spec:\n  sessionAffinity: ClientIP'),
  );
  const proxy = await RunningProgram.start(CLIENT_ADDRESS, ['--manifests', manifest]);
  const port = await proxy.portOf('default/web:main');
  const explain = (client: string) =>
    Program.run('explain', 'default/web', '--healthz-bind-address', CLIENT_ADDRESS, '--client', client);

  expect((await explain('127.0.0.1')).stdout).toContain('Client 127.0.0.1:\n  no endpoint is held for it');
  const client = '127.0.84.8';
  const connection = await tcpConnect({ address: CLIENT_ADDRESS, port, localAddress: client });
  const [a, b] = endpoints.map(({ endpoint: { address, port: number } }) => `${address}:${number}`);
  const held = (await connection.text(1)) === 'a' ? a : b;
  const { exitCode, stdout } = await explain(client);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`Client ${client}:\\n {2}goes to ${held} until 2\\S+Z, and longer`));
  expect((await explain('127.0.0.9')).stdout).toContain('Client 127.0.0.9:\n  no endpoint is held for it');
  const refused = await explain('here');
  expect(refused).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('"here" is not an IP address'),
  });
});
