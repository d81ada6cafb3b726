import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { CertificateAuthority } from '../../../support/certificate-authority.js';
import { eventually } from '../../../support/deadline.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';

/** The port of a server that tells by an alert that it wants a certificate: Node's only hangs up. */
export async function demandingServer(authority: CertificateAuthority, version: string): Promise<number> {
  const { certificate, key } = authority.server();
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'ca.crt'), authority.certificate);
  writeFileSync(join(directory, 'tls.crt'), certificate);
  writeFileSync(join(directory, 'tls.key'), key);
  const files = ['-cert', 'tls.crt', '-key', 'tls.key', '-CAfile', 'ca.crt'];
  const demand = ['-Verify', '2', '-verify_return_error', `-${version}`, '-www'];
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...files, ...demand], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(async () => {
    const closed = once(child, 'close');
    child.kill();
    await closed;
  });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  let port = 0;
  await eventually(() => {
    port = Number(/ACCEPT \S+:(\d+)/.exec(printed)?.[1]);
    expect(port).toBeGreaterThan(0);
  });
  return port;
}
