import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ExecPlugin } from '../../../../src/sources/apiserver/access/exec-plugin.js';
import type { ExecPluginConfig } from '../../../../src/sources/apiserver/access/exec-plugin-config.js';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import { eventually, within } from '../../../support/deadline.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { failureOf, NEVER } from './local-api.js';

const V1 = 'client.authentication.k8s.io/v1';
const SECRET = 'hunter2-is-secret';

const authority = new CertificateAuthority();

function script(body: string): { command: string; directory: string } {
  const directory = temporaryDirectory();
  const command = join(directory, 'plugin');
  writeFileSync(command, `#!/bin/sh\n${body}\n`);
  chmodSync(command, 0o755);
  return { command, directory };
}

const plugin = (command: string, fields: Partial<ExecPluginConfig> = {}): ExecPluginConfig => ({
  command,
  args: [],
  env: [],
  apiVersion: V1,
  installHint: null,
  clusterInfo: null,
  ...fields,
});

const run = (
  config: ExecPluginConfig,
  options: { cluster?: Record<string, unknown>; signal?: AbortSignal; timeoutMs?: number } = {},
) =>
  new ExecPlugin(config, {
    clusterInfo: async () => options.cluster ?? null,
    environment: { PATH: process.env.PATH, INHERITED: 'yes' },
    signal: options.signal ?? NEVER,
    timeoutMs: options.timeoutMs ?? 20_000,
  }).value();

const out = (directory: string) => [{ name: 'OUT', value: directory }];

const printing = (value: unknown): string =>
  script(`cat <<'END'\n${typeof value === 'string' ? value : JSON.stringify(value)}\nEND`).command;
const credential = (status: unknown) => ({ kind: 'ExecCredential', apiVersion: V1, status });

describe('an exec plugin', () => {
  it('gives a token', async () => {
    const command = printing(credential({ token: SECRET, expirationTimestamp: '2026-11-22T10:00:00Z' }));
    expect(await run(plugin(command))).toEqual({ authorization: `Bearer ${SECRET}`, certificate: null });
  });

  it('gives a client certificate', async () => {
    const { certificate: cert, key } = authority.client('me');
    const command = printing(credential({ clientCertificateData: cert, clientKeyData: key }));
    expect(await run(plugin(command))).toEqual({ authorization: null, certificate: { cert, key } });
  });

  it('is given arguments as they are, variables, and KUBERNETES_EXEC_INFO; standard input is empty', async () => {
    const { command, directory } = script(
      `cat > "$OUT/stdin"; printf '%s\\n' "$@" > "$OUT/args"; printf '%s' "$KUBERNETES_EXEC_INFO" > "$OUT/info"; printf '%s' "$INHERITED$OWN" > "$OUT/env"
       echo '${JSON.stringify(credential({ token: SECRET }))}'`,
    );
    const config = plugin(command, {
      args: ['a b', '$(id)'],
      env: [...out(directory), { name: 'OWN', value: '!' }],
    });
    await run(config, { cluster: { server: 'https://x' } });
    const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
    expect(read('stdin')).toBe('');
    expect(read('args')).toBe('a b\n$(id)\n');
    expect(read('env')).toBe('yes!');
    expect(JSON.parse(read('info'))).toEqual({
      kind: 'ExecCredential',
      apiVersion: V1,
      spec: { interactive: false, cluster: { server: 'https://x' } },
    });
  });
});

describe('an exec plugin that gives none', () => {
  const FAILURES: readonly (readonly [string, () => ExecPluginConfig, string])[] = [
    [
      'is missing',
      () => plugin('/nowhere/plugin', { installHint: 'brew install\nit' }),
      'the exec plugin "/nowhere/plugin" is not there (ENOENT): brew install\\nit',
    ],
    ['is not in PATH', () => plugin('no-such-plugin-here'), 'is not there (ENOENT)'],
    [
      'is not executable',
      () => {
        const { command } = script('');
        chmodSync(command, 0o644);
        return plugin(command);
      },
      'cannot be started (EACCES)',
    ],
    [
      'has an argument that no program can be given',
      () => plugin(script('').command, { args: [`${SECRET}\0`] }),
      'cannot be started (ERR_INVALID_ARG_VALUE)',
    ],
    [
      'fails',
      () => plugin(script('echo one >&2; printf "sign in \\033[31mfirst\\n" >&2; exit 3').command),
      'ended with exit code 3: sign in \\u001b[31mfirst',
    ],
    ['is killed', () => plugin(script('kill -TERM $$').command), 'ended with SIGTERM'],
    ['prints nothing', () => plugin(script('').command), 'prints no ExecCredential in JSON'],
    ['prints no JSON', () => plugin(printing(`${SECRET}`)), 'prints no ExecCredential in JSON'],
    [
      'prints another version',
      () =>
        plugin(
          printing({ ...credential({ token: SECRET }), apiVersion: 'client.authentication.k8s.io/v1beta1' }),
        ),
      'answers in "client.authentication.k8s.io/v1beta1", and is to answer in client.authentication.k8s.io/v1',
    ],
    ['prints null', () => plugin(printing('null')), 'prints no ExecCredential in JSON'],
    [
      'prints JSON and fails',
      () => plugin(script(`echo '${JSON.stringify(credential({ token: SECRET }))}'; exit 1`).command),
      'ended with exit code 1',
    ],
    ['prints no status', () => plugin(printing(credential(undefined))), 'prints no credentials'],
    ['prints an empty token', () => plugin(printing(credential({ token: '' }))), 'prints no credentials'],
    [
      'prints a token that is a number',
      () => plugin(printing(credential({ token: 7 }))),
      'whose fields are not text',
    ],
    [
      'prints two tokens',
      () => plugin(printing(credential({ token: `${SECRET} ${SECRET}` }))),
      'something else than one token',
    ],
    [
      'prints half a certificate',
      () => plugin(printing(credential({ clientKeyData: SECRET }))),
      'prints only one of',
    ],
    [
      'prints no certificate',
      () => plugin(printing(credential({ clientCertificateData: SECRET, clientKeyData: SECRET }))),
      'a clientCertificateData that holds no certificate',
    ],
    [
      'prints no time',
      () => plugin(printing(credential({ token: SECRET, expirationTimestamp: 'soon' }))),
      'expirationTimestamp that is no time',
    ],
    ['prints without end', () => plugin(script('yes').command), 'prints more than 1 MiB'],
  ];

  it.each(FAILURES)('because it %s is an error that says so', async (_what, make, expected) => {
    const error = await failureOf(run(make()));
    expect(error.code).toBe('CREDENTIALS_UNUSABLE');
    expect(error.message).toContain(expected);
    expect(`${error.message}${String(error.cause)}`).not.toContain(SECRET);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });

  it('in time is ended, with all that it started', async () => {
    const { command, directory } = script('sleep 600 & echo $! > "$OUT/pid"; wait');
    const error = await failureOf(run(plugin(command, { env: out(directory) }), { timeoutMs: 300 }));
    expect(error.message).toContain('has not ended within 0.3 s');
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
  });

  it('is ended with whoever asked', async () => {
    const { command, directory } = script('echo $$ > "$OUT/pid"; exec sleep 600');
    const giveUp = new AbortController();
    const running = run(plugin(command, { env: out(directory) }), { signal: giveUp.signal });
    const failed = failureOf(running);
    await eventually(() => expect(existsSync(join(directory, 'pid'))).toBe(true));
    giveUp.abort();
    expect((await within('the end', failed)).message).toContain('was stopped');
  });
});
