import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { within } from '../support/deadline.js';
import { startNameServer } from '../support/dns-endpoint.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { portOf } from '../support/tcp-endpoint.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.82.1';
const IPERF_PORT = 5201;

const run = promisify(execFile);

function isInstalled(program: string): boolean {
  return (
    spawnSync(program, ['--version']).error === undefined || spawnSync(program, ['-v']).error === undefined
  );
}

/** Starts a proxy of one service port and returns its portal's port. */
async function proxy(
  endpoints: readonly { readonly address: string; readonly port: number }[],
  protocol: 'TCP' | 'UDP',
): Promise<number> {
  const manifest = writeManifest(
    join(temporaryDirectory(), 'services.yaml'),
    serviceManifest('service', endpoints, { protocol }),
  );
  const running = await RunningProgram.start(ADDRESS, ['--manifests', manifest, '--udp-timeout', '5s']);
  return running.portOf('default/service:main');
}

async function startHttpServer(name: string): Promise<number> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(`${name}\n`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return portOf(server);
}

async function startIperfServer(): Promise<void> {
  const server = spawn('iperf3', ['--server', '--bind', ADDRESS, '--port', `${IPERF_PORT}`, '--forceflush']);
  onTestFinished(async () => {
    server.kill();
    await once(server, 'close');
  });
  await within(
    'iperf3 listening',
    new Promise<void>((resolve) => {
      server.stdout.on('data', (text) => String(text).includes('listening') && resolve());
    }),
  );
}

describe('real clients', () => {
  it.skipIf(!isInstalled('curl'))('curl reaches each endpoint in turn (skipped without curl)', async () => {
    const endpoints = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => ({ address: '127.0.0.1', port: await startHttpServer(name) })),
    );
    const url = `http://${ADDRESS}:${await proxy(endpoints, 'TCP')}/`;
    const answers: string[] = [];
    for (let request = 0; request < 6; request += 1) answers.push((await run('curl', ['-sS', url])).stdout);
    expect(answers.toSorted()).toEqual(['a\n', 'a\n', 'b\n', 'b\n', 'c\n', 'c\n']);
    // Kept connections and a large upload.
    const upload = ['-sS', '--data-binary', '@-', url, url];
    const curl = run('curl', upload);
    curl.child.stdin?.end(Buffer.alloc(8 * 1024 * 1024));
    expect(new Set((await curl).stdout.trim().split('\n')).size).toBe(1);
  });

  it.skipIf(!isInstalled('dig'))(
    'dig is answered by the name servers behind UDP (skipped without dig)',
    async () => {
      const servers = [await startNameServer('192.0.2.1'), await startNameServer('192.0.2.2')];
      const port = await proxy(
        servers.map(({ endpoint }) => endpoint),
        'UDP',
      );
      const answers: string[] = [];
      for (let query = 0; query < 4; query += 1) {
        const dig = [
          '+short',
          '+tries=1',
          '+time=5',
          '+noedns',
          `@${ADDRESS}`,
          '-p',
          `${port}`,
          'whoami.example',
        ];
        answers.push((await run('dig', dig)).stdout.trim());
      }
      expect(answers.toSorted()).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2']);
    },
  );

  it.skipIf(!isInstalled('iperf3'))(
    'iperf3 transfers in bulk, both ways and over several connections (skipped without iperf3)',
    async () => {
      await startIperfServer();
      const port = await proxy([{ address: ADDRESS, port: IPERF_PORT }], 'TCP');
      for (const direction of [[], ['--reverse']]) {
        const argv = [
          '--client',
          ADDRESS,
          '--port',
          `${port}`,
          '--bytes',
          '64M',
          '--parallel',
          '4',
          '--json',
        ];
        const { stdout } = await run('iperf3', [...argv, ...direction], { timeout: 20_000 });
        const { end } = JSON.parse(stdout);
        expect(end.sum_sent.bytes).toBeGreaterThanOrEqual(64 * 1024 * 1024);
        expect(end.sum_received.bytes).toBeGreaterThan(0);
      }
    },
    60_000,
  );
});
