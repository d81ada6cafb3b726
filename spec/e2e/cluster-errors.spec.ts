import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_REMEDIES } from '../../src/model/errors.js';
import type { ApiServer } from '../support/api-server/api-server.js';
import { refuse } from '../support/api-server/faults.js';
import { startApiServer } from '../support/api-server/started-api-server.js';
import { forbidden } from '../support/api-server/status.js';
import { CertificateAuthority, type Certified } from '../support/certificate-authority.js';
import { CountedConnections } from '../support/counted-connections.js';
import { eventually } from '../support/deadline.js';
import { base64, type KubeconfigFields, writeKubeconfig } from '../support/kubeconfig-file.js';
import { nodeObject, type PlainObject } from '../support/kubernetes-objects.js';
import { Program, RunningProgram, WITHOUT_STEERING } from '../support/program.js';
import { startSecuredCluster, TOKEN } from '../support/secured-cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.83.4';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** No pod, and no proxy on the way. */
const ENVIRONMENT = { KUBERNETES_SERVICE_HOST: '', HTTPS_PROXY: '', https_proxy: '', NO_PROXY: '*' };

const SERVER = 'https://127.0.0.1:9';

/** What servers written in Go say to whoever speaks TLS where they do not, and to whoever does not where they do. */
const HTTP_TO_TLS =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request';
const HTTPS_TO_HTTP = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

/** The second try comes after 1.6 s at most; a busy machine needs more, ms. */
const RETRIES_MS = 15_000;

/** The lines that tell of something wrong. */
function complaints(text: string): string[] {
  return text.split('\n').filter((line) => / (WARN|ERROR) /.test(line));
}

function textFile(text: string): string {
  const path = join(temporaryDirectory(), 'kubeconfig');
  writeFileSync(path, text);
  return path;
}

describe('a mistake in what says where the API server is', () => {
  /** Runs it to its end, which is at once, and returns all that it said. */
  async function refusal(argv: readonly string[], environment = ENVIRONMENT): Promise<string> {
    const program = Program.start([...argv, '--healthz-port', '0', ...WITHOUT_STEERING], { environment });
    expect(await program.ended()).toBe(1);
    expect(program.stdout).toBe('');
    return program.stderr;
  }

  const broken = (fields: Partial<KubeconfigFields>) => () => writeKubeconfig({ server: SERVER, ...fields });

  it.each<[string, () => string, string, RegExp]>([
    ['a file that is not there', () => '/nowhere/kubeconfig', 'KUBECONFIG_UNREADABLE', /"\/nowhere\/kub/],
    ['a directory', () => temporaryDirectory(), 'KUBECONFIG_UNREADABLE', /directory/],
    ['a file that is no YAML', () => textFile('clusters: [{'), 'KUBECONFIG_INVALID', /line 1/],
    ['an empty file', () => textFile(''), 'KUBECONFIG_INVALID', /empty/],
    [
      'a context that is not there',
      broken({ file: { 'current-context': 'other' } }),
      'KUBECONFIG_INVALID',
      /current-context.*"other".*there are "spec"/,
    ],
    [
      'no context at all',
      broken({ file: { 'current-context': '' } }),
      'KUBECONFIG_INVALID',
      /current-context.*"spec"/,
    ],
    [
      'a cluster that is missing',
      broken({ file: { clusters: [] } }),
      'KUBECONFIG_INVALID',
      /cluster.*"spec"/,
    ],
    ['a user that is missing', broken({ file: { users: [] } }), 'KUBECONFIG_INVALID', /user.*"kube-splice"/],
    [
      'an authority that is no certificate',
      broken({ cluster: { 'certificate-authority-data': base64('no PEM') } }),
      'CREDENTIALS_UNUSABLE|KUBECONFIG_INVALID',
      /certificate-authority/,
    ],
    [
      'a token file that is not there',
      broken({ user: { tokenFile: '/nowhere/token' } }),
      'CREDENTIALS_UNUSABLE',
      /\/nowhere\/token/,
    ],
  ])('%s is told in one line that says what to do, with exit code 1', async (_, file, code, words) => {
    const said = await refusal(['--kubeconfig', file()]);
    expect(said.trim().split('\n')).toHaveLength(1);
    const [, told = ''] = said.match(new RegExp(` ERROR (${code}): `)) ?? [];
    expect(told).not.toBe('');
    expect(said).toMatch(words);
    expect(said).toContain('remedy=');
    expect(Object.keys(ERROR_REMEDIES)).toContain(told);
  });

  it.skipIf(existsSync(SERVICE_ACCOUNT))(
    'so is a pod without a service account (skipped in one with)',
    async () => {
      const environment = {
        ...ENVIRONMENT,
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: '9',
      };
      const said = await refusal([], environment);
      expect(said.trim().split('\n')).toHaveLength(1);
      expect(said).toMatch(/ERROR IN_CLUSTER_CONFIG_MISSING: .*serviceaccount\/token/);
    },
  );

  it('so is a URL that is none', async () => {
    const said = await refusal(['--master', 'ftp://127.0.0.1']);
    expect(said).toMatch(/^\S+ ERROR KUBECONFIG_INVALID: --master "ftp:\/\/127\.0\.0\.1" is not a URL/);
    expect(said.trim().split('\n')).toHaveLength(1);
  });
});

/** What is wrong, the cluster that it is wrong with, and how often that was tried. */
interface Trouble {
  readonly fields: KubeconfigFields;
  readonly tries: () => number;
}

function troubleAt(
  counted: CountedConnections,
  scheme: 'http' | 'https',
  cluster: PlainObject = {},
): Trouble {
  return {
    fields: { server: `${scheme}://127.0.0.1:${counted.port}`, cluster },
    tries: () => counted.count,
  };
}

async function tlsTrouble(certified: Certified, trusted: CertificateAuthority): Promise<Trouble> {
  const { port } = await startApiServer({ tls: certified });
  const cluster = { 'certificate-authority-data': base64(trusted.certificate) };
  return troubleAt(await CountedConnections.to(port), 'https', cluster);
}

function launch(fields: KubeconfigFields): RunningProgram {
  const argv = ['--kubeconfig', writeKubeconfig(fields), '--hostname-override', 'node-a'];
  return RunningProgram.launch(ADDRESS, argv, { environment: ENVIRONMENT });
}

/** It still asks, shows what is wrong, and ends when told to. */
async function expectStillThere(running: RunningProgram, code: string): Promise<void> {
  const { sources } = await running.report();
  expect(sources).toMatchObject([{ connected: false, stale: false }]);
  expect(sources[0]?.errors.length).toBeGreaterThan(0);
  for (const error of sources[0]?.errors ?? []) expect(error).toContain(code);
  running.program.signal('SIGTERM');
  expect(await running.program.ended()).toBe(0);
}

describe('what may be mended while it runs', () => {
  const authority = new CertificateAuthority();

  it.each<[string, () => Promise<Trouble>, string, RegExp]>([
    [
      'a token that is not accepted',
      async () => {
        const { server, authority: own } = await startSecuredCluster();
        const cluster = { 'certificate-authority-data': base64(own.certificate) };
        return {
          fields: { server: server.url, cluster, user: { token: 'expired' } },
          tries: () => server.requests.count({ kind: 'list', status: 401 }),
        };
      },
      'APISERVER_UNAUTHORIZED',
      /401 Unauthorized/,
    ],
    [
      'another certificate authority',
      () => tlsTrouble(authority.server(), new CertificateAuthority('another')),
      'APISERVER_CERTIFICATE_REJECTED',
      /not trusted.*certificate-authority in the kubeconfig file/,
    ],
    [
      'a certificate that has expired',
      () => tlsTrouble(authority.expiredServer(), authority),
      'APISERVER_CERTIFICATE_REJECTED',
      /it expired on \d{4}-.*Renew the certificate/,
    ],
    [
      'a certificate for another name',
      () => tlsTrouble(authority.server(['kubernetes.example']), authority),
      'APISERVER_CERTIFICATE_REJECTED',
      /not for 127\.0\.0\.1 but for DNS:kubernetes\.example.*tls-server-name/,
    ],
    [
      'https where the server speaks http',
      async () => troubleAt(await CountedConnections.answering(HTTP_TO_TLS), 'https'),
      'APISERVER_MALFORMED',
      /does not speak TLS.*Use http:\/\//,
    ],
    [
      'http where the server speaks https',
      async () => troubleAt(await CountedConnections.answering(HTTPS_TO_HTTP), 'http'),
      'APISERVER_FAILED',
      /400 Bad Request: Client sent an HTTP request to an HTTPS server/,
    ],
    [
      'a connection that is cut',
      async () => troubleAt(await CountedConnections.answering(''), 'https'),
      'APISERVER_UNREACHABLE',
      /the connection was cut \(ECONNRESET\)/,
    ],
  ])('%s is told in one line, however often it is tried', async (_, begin, code, words) => {
    const { fields, tries } = await begin();
    const running = launch(fields);
    await running.program.says(words);
    // Services, endpoints and the node, each twice at least.
    await eventually(() => expect(tries()).toBeGreaterThanOrEqual(6), RETRIES_MS);
    const lines = complaints(running.program.stderr);
    expect(lines).toEqual([expect.stringMatching(new RegExp(` WARN +${code}: .*remedy=`))]);
    await expectStillThere(running, code);
  });

  it('missing rights are told in one line, and each of them in the status', async () => {
    const server = await startApiServer();
    const resources = ['services', 'endpointslices', 'nodes'] as const;
    const grants = resources.map((resource) =>
      server.faults.always({ resource }, refuse(forbidden(resource, 'kube-splice'))),
    );
    const running = launch({ server: server.url });
    const { program } = running;
    const refused = (): number => server.requests.count({ kind: 'list', status: 403 });
    await eventually(() => expect(refused()).toBeGreaterThanOrEqual(6), RETRIES_MS);
    const line =
      /WARN +APISERVER_FORBIDDEN: .*403 Forbidden: .*User "kube-splice" cannot list.*deploy\/rbac\.yaml/;
    expect(complaints(program.stderr)).toEqual([expect.stringMatching(line)]);
    const [source] = (await running.report()).sources;
    expect(source?.errors).toHaveLength(3);
    for (const resource of resources)
      expect(source?.errors).toContainEqual(expect.stringContaining(`${resource} is forbidden`));
    // Whoever may not read nodes proxies all the same, and is told what is still missing.
    grants[0]?.();
    grants[1]?.();
    await program.says(/ready/);
    await program.says(/APISERVER_FORBIDDEN: .*nodes/);
    expect((await running.report()).sources).toMatchObject([{ connected: true, stale: false }]);
  });

  it('a port where nobody listens is told in one line, and served as soon as somebody does', async () => {
    const server = await startServerWithNode();
    await server.pause();
    const { program } = launch({ server: server.url });
    await program.says(/APISERVER_UNREACHABLE: no API server at 127\.0\.0\.1:\d+: nothing listens there/);
    await server.resume();
    await program.says(/ready/);
    expect(complaints(program.stderr)).toHaveLength(1);
  });

  it('a name that does not exist is told in one line', async () => {
    // Too long a label: no name server is asked for it.
    const running = launch({ server: `https://${'a'.repeat(64)}.example:6443` });
    await running.program.says(
      /APISERVER_UNREACHABLE: no API server at a+\.example:6443: there is no such name/,
    );
    await expectStillThere(running, 'APISERVER_UNREACHABLE');
    expect(complaints(running.program.stderr)).toHaveLength(1);
  });

  it('an exec plugin that is missing is told in one line with its hint, and used once it is there', async () => {
    const { server, authority: own } = await startSecuredCluster();
    server.create('nodes', nodeObject([]));
    const command = join(temporaryDirectory(), 'plugin');
    const apiVersion = 'client.authentication.k8s.io/v1';
    const exec = {
      apiVersion,
      command,
      interactiveMode: 'Never',
      installHint: 'Install the plugin of the spec.',
    };
    const cluster = { 'certificate-authority-data': base64(own.certificate) };
    const { program } = launch({ server: server.url, cluster, user: { exec } });
    await program.says(
      /CREDENTIALS_UNUSABLE: the exec plugin ".*plugin" is not there.*Install the plugin of/,
    );
    const credential = { apiVersion, kind: 'ExecCredential', status: { token: TOKEN } };
    writeFileSync(`${command}.new`, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`, { mode: 0o755 });
    renameSync(`${command}.new`, command);
    await program.says(/ready/);
    expect(complaints(program.stderr)).toHaveLength(1);
    expect(program.stderr).not.toContain(TOKEN);
  });
});

async function startServerWithNode(): Promise<ApiServer> {
  const server = await startApiServer();
  server.create('nodes', nodeObject([]));
  return server;
}
