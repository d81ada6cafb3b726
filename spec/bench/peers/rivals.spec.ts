import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { haproxySettings } from '../../../bench/peers/haproxy.js';
import { nginxSettings } from '../../../bench/peers/nginx.js';
import { addressesOf, type ServiceName } from '../../../bench/services.js';

const PORTS: Readonly<Record<ServiceName, number>> = {
  requests: 1,
  connections: 2,
  source: 3,
  sink: 4,
  echo: 5,
};
const portals = addressesOf((service) => ({ address: '127.0.0.1', port: 20_000 + PORTS[service] }));
const endpoints = addressesOf((service) => ({ address: '127.0.0.1', port: 30_000 + PORTS[service] }));

const installed = (command: string, flag: string): boolean => spawnSync(command, [flag]).status === 0;

function directoryWith(settings: (directory: string) => string): string {
  const directory = mkdtempSync(join(tmpdir(), 'kube-splice-bench-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'settings'), settings(directory));
  return directory;
}

describe('the settings of HAProxy', () => {
  const text = haproxySettings(portals, endpoints);

  it('put one thread that splices in front of every TCP service, and none in front of the UDP one', () => {
    for (const line of [
      'nbthread 1',
      'option splice-request',
      'option splice-response',
      'tune.pipesize 1048576',
    ]) {
      expect(text).toContain(`  ${line}\n`);
    }
    expect(text).toContain('listen sink\n  bind 127.0.0.1:20004\n  server sink 127.0.0.1:30004\n');
    expect(text.match(/^listen /gm)).toHaveLength(4);
    expect(text).not.toContain('20005');
  });

  it.skipIf(!installed('haproxy', '-v'))(
    'are ones that HAProxy takes (skipped where it is not installed)',
    () => {
      const directory = directoryWith(() => text);
      const { status, stderr } = spawnSync('haproxy', ['-c', '-f', join(directory, 'settings')]);
      expect({ status, warnings: /WARNING|ALERT/.test(String(stderr)) }).toEqual({
        status: 0,
        warnings: false,
      });
    },
  );
});

describe('the settings of nginx', () => {
  it('put one worker in front of every service, UDP too, whose sessions no answer ends', () => {
    const text = nginxSettings(portals, endpoints, '/d');
    expect(text).toContain('worker_processes 1;\n');
    expect(text).toContain('server { listen 127.0.0.1:20001; proxy_pass 127.0.0.1:30001; }');
    expect(text).toContain('server { listen 127.0.0.1:20005 udp; proxy_pass 127.0.0.1:30005; }');
    expect(text.match(/listen /g)).toHaveLength(5);
    expect(text).not.toMatch(/reuseport|proxy_responses/);
  });

  it.skipIf(!installed('nginx', '-v'))(
    'are ones that nginx takes (skipped where it is not installed)',
    () => {
      const directory = directoryWith((own) => nginxSettings(portals, endpoints, own));
      const args = ['-t', '-p', directory, '-c', join(directory, 'settings'), '-e', 'stderr'];
      expect(() => execFileSync('nginx', args, { stdio: 'pipe' })).not.toThrow();
    },
  );
});
