import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Credentials, createCredentials } from '../../../../src/sources/apiserver/access/credentials.js';
import { loadClusterConfig } from '../../../../src/sources/apiserver/access/load-cluster-config.js';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { failureOf, kubeconfigFile, NEVER } from './local-api.js';

const MINUTE_MS = 60_000;

async function credentialsOf(
  user: Record<string, unknown>,
  now: () => number,
  cluster: Record<string, unknown> = {},
): Promise<Credentials> {
  const kubeconfig = kubeconfigFile({ cluster: { server: 'https://api.test', ...cluster }, user });
  const config = await loadClusterConfig({ kubeconfig, master: null, environment: {} });
  return createCredentials(config, {
    readFile: (path) => readFile(path),
    environment: { PATH: process.env.PATH },
    now,
    signal: NEVER,
    execTimeoutMs: 20_000,
    fileMaxAgeMs: MINUTE_MS,
  });
}

/** The clock of this process, by which the client library tells what has expired. */
function systemClock(time: string): { advance(ms: number): void } {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(time) });
  onTestFinished(() => void vi.useRealTimers());
  return { advance: (ms) => void vi.setSystemTime(Date.now() + ms) };
}

const authorization = async (credentials: Credentials) => (await credentials.current()).authorization;

describe('a token file', () => {
  it('is read again every minute, its final newline left out', async () => {
    const tokenFile = join(temporaryDirectory(), 'token');
    writeFileSync(tokenFile, 'one\n');
    let now = 0;
    const credentials = await credentialsOf({ tokenFile }, () => now);
    expect(await authorization(credentials)).toBe('Bearer one');
    writeFileSync(tokenFile, 'two\n');
    now = MINUTE_MS - 1;
    expect(await authorization(credentials)).toBe('Bearer one');
    now = MINUTE_MS;
    expect(await authorization(credentials)).toBe('Bearer two');
  });

  it('that is gone, or empty, leaves the last token in use', async () => {
    const tokenFile = join(temporaryDirectory(), 'token');
    writeFileSync(tokenFile, 'one');
    let now = 0;
    const credentials = await credentialsOf({ tokenFile }, () => now);
    await credentials.current();
    writeFileSync(tokenFile, '');
    now += MINUTE_MS;
    expect(await authorization(credentials)).toBe('Bearer one');
    rmSync(tokenFile);
    now += MINUTE_MS;
    expect(await authorization(credentials)).toBe('Bearer one');
    writeFileSync(tokenFile, 'two');
    now += MINUTE_MS;
    expect(await authorization(credentials)).toBe('Bearer two');
  });

  it('wins over a token, which serves as long as the file is missing', async () => {
    const tokenFile = join(temporaryDirectory(), 'token');
    let now = 0;
    const credentials = await credentialsOf({ token: 'written', tokenFile }, () => now);
    expect(await authorization(credentials)).toBe('Bearer written');
    writeFileSync(tokenFile, 'filed');
    now = MINUTE_MS;
    expect(await authorization(credentials)).toBe('Bearer filed');
  });
});

describe('an exec plugin', () => {
  /** Each run gives the next token: `t1`, `t2`, …; how long they are good is in a file. */
  function counting(expiry: string | null) {
    const directory = temporaryDirectory();
    const command = join(directory, 'plugin');
    const status = `\\"token\\":\\"t$n\\"${expiry === null ? '' : `,\\"expirationTimestamp\\":\\"${expiry}\\"`}`;
    const body = `cd "$(dirname "$0")"; printf '%s' "$KUBERNETES_EXEC_INFO" > info; [ -e broken ] && exit 9
      echo run >> runs; n=$(wc -l < runs | tr -d ' ')
      echo "{\\"kind\\":\\"ExecCredential\\",\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"status\\":{${status}}}"`;
    writeFileSync(command, `#!/bin/sh\n${body}\n`);
    chmodSync(command, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, interactiveMode: 'Never' };
    return { exec, directory };
  }

  it('is run once for all requests of the same moment, and again when what it gave expires', async () => {
    const { exec } = counting('2026-01-01T00:10:00Z');
    const now = systemClock('2026-01-01T00:00:00Z');
    const credentials = await credentialsOf({ exec }, Date.now);
    const first = await Promise.all([1, 2, 3].map(() => authorization(credentials)));
    expect(first).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1']);
    now.advance(10 * MINUTE_MS - 1);
    expect(await authorization(credentials)).toBe('Bearer t1');
    now.advance(1);
    expect(await authorization(credentials)).toBe('Bearer t2');
  });

  it('that says no time is run again only when the server refuses what it gave', async () => {
    const { exec } = counting(null);
    const now = systemClock('2026-01-01T00:00:00Z');
    const credentials = await credentialsOf({ exec }, Date.now);
    const used = await credentials.current();
    now.advance(1_000_000 * MINUTE_MS);
    expect(await authorization(credentials)).toBe('Bearer t1');
    expect((await credentials.instead(used))?.authorization).toBe('Bearer t2');
    // A second request that was refused with the old one takes what the first has brought.
    expect((await credentials.instead(used))?.authorization).toBe('Bearer t2');
  });

  it('that fails is asked again by the next request', async () => {
    const { exec, directory } = counting(null);
    writeFileSync(join(directory, 'broken'), '');
    const credentials = await credentialsOf({ exec }, () => 0);
    expect((await failureOf(credentials.current())).code).toBe('CREDENTIALS_UNUSABLE');
    rmSync(join(directory, 'broken'));
    expect(await authorization(credentials)).toBe('Bearer t1');
  });

  it('that fails when what it gave has expired is an error, and is asked again by the next request', async () => {
    const { exec, directory } = counting('2026-01-01T00:00:00Z');
    systemClock('2026-02-01T00:00:00Z');
    const credentials = await credentialsOf({ exec }, Date.now);
    expect(await authorization(credentials)).toBe('Bearer t1');
    writeFileSync(join(directory, 'broken'), '');
    expect((await failureOf(credentials.current())).message).toContain('ended with exit code 9');
    rmSync(join(directory, 'broken'));
    expect(await authorization(credentials)).toBe('Bearer t2');
  });

  it('is told of the cluster where it asks for that', async () => {
    const { exec, directory } = counting(null);
    const cluster = {
      'tls-server-name': 'kubernetes',
      extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } }],
    };
    const info = (): unknown => JSON.parse(readFileSync(join(directory, 'info'), 'utf8')).spec.cluster;
    await (await credentialsOf({ exec }, () => 0, cluster)).current();
    expect(info()).toBeUndefined();
    await (await credentialsOf({ exec: { ...exec, provideClusterInfo: true } }, () => 0, cluster)).current();
    expect(info()).toEqual({
      server: 'https://api.test',
      'tls-server-name': 'kubernetes',
      config: { audience: 'a' },
    });
  });

  it('is not run again for an authority file that is gone', async () => {
    const { exec, directory } = counting(null);
    const file = join(directory, 'ca.crt');
    writeFileSync(file, new CertificateAuthority().certificate);
    let now = 0;
    const user = { exec: { ...exec, provideClusterInfo: true } };
    const credentials = await credentialsOf(user, () => now, { 'certificate-authority': file });
    await credentials.current();
    rmSync(file);
    now = MINUTE_MS;
    expect(await authorization(credentials)).toBe('Bearer t1');
  });

  it('is not needed for the token where there is another one', async () => {
    const { exec } = counting(null);
    expect(await authorization(await credentialsOf({ exec, token: 'own' }, () => 0))).toBe('Bearer own');
  });
});

describe('credentials that cannot be others', () => {
  it.each([
    [{}, null],
    [{ token: 'abc' }, 'Bearer abc'],
    [{ username: 'me', password: 'x' }, 'Basic bWU6eA=='],
  ])('%j stay what they are', async (user, expected) => {
    const credentials = await credentialsOf(user, () => 0);
    const used = await credentials.current();
    expect(used).toEqual({ authorization: expected, certificate: null });
    expect(await credentials.instead(used)).toBeNull();
  });
});
