import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { KubeSpliceError } from '../../../../src/model/errors.js';
import { loadClusterConfig } from '../../../../src/sources/apiserver/access/load-cluster-config.js';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { CLUSTER, config, load, written } from './kubeconfig-text.js';
import { base64, failureOf } from './local-api.js';

const SECRET = 'hunter2-is-secret';

const authority = new CertificateAuthority();
const mine = authority.client('me');
const another = authority.client('another');

function fifo(path: string): string {
  execFileSync('mkfifo', [path]);
  return path;
}

const withCluster = (cluster: unknown) => config({ clusters: [{ name: 'one', cluster }] });
const withUser = (user: unknown) => config({ users: [{ name: 'me', user }] });
const exec = (fields: Record<string, unknown>) =>
  withUser({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'plugin', ...fields } });

describe('a kubeconfig file that cannot be read', () => {
  it('is named with the reason', async () => {
    const directory = temporaryDirectory();
    for (const [path, reason] of [
      [join(directory, 'absent'), 'it does not exist (ENOENT)'],
      [directory, 'it is a directory (EISDIR)'],
    ] as const) {
      const error = await failureOf(load(path));
      expect(error.code).toBe('KUBECONFIG_UNREADABLE');
      expect(error.message).toBe(`--kubeconfig: ${JSON.stringify(path)} cannot be read: ${reason}`);
    }
  });

  it.skipIf(process.getuid?.() === 0)('says that this user may not', async () => {
    const path = written('{}');
    chmodSync(path, 0);
    expect((await failureOf(load(path))).message).toContain('this user may not (EACCES)');
  });
});

describe('a mistake in a kubeconfig file', () => {
  const CASES: readonly (readonly [string, unknown, string])[] = [
    ['an empty file', '', 'the file is empty'],
    ['a text', SECRET, 'is not a mapping'],
    ['no YAML', `a: [${SECRET}\nb: "`, 'is neither YAML nor JSON'],
    ['another kind', { kind: 'Pod', apiVersion: 'v1' }, 'kind "Pod" is not the kind Config'],
    ['another version', config({ apiVersion: 'v2' }), 'apiVersion "v2" is not the version v1'],
    [
      'no current-context',
      config({ 'current-context': '' }),
      'current-context is missing; name one of "here"',
    ],
    [
      'no contexts',
      config({ contexts: undefined }),
      'current-context "here" is not the name of a context here; there are none',
    ],
    [
      'another context',
      config({ 'current-context': 'prod' }),
      '"prod" is not the name of a context here; there are "here"',
    ],
    [
      'no such cluster',
      config({ clusters: [{ name: 'two', cluster: CLUSTER }] }),
      'contexts[0].context.cluster "one" is not the name of a cluster here; there are "two"',
    ],
    [
      'no such user',
      config({ users: [] }),
      'contexts[0].context.user "me" is not the name of a user here; there are none',
    ],
    [
      'no cluster in the context',
      config({ contexts: [{ name: 'here', context: {} }] }),
      'contexts[0].context.cluster is missing; name one of "one"',
    ],
    ['no server', withCluster({}), 'clusters[0].cluster.server is missing'],
    [
      'a server that is no URL',
      withCluster({ server: 'https://[::1' }),
      'clusters[0].cluster.server "https://[::1" is no URL',
    ],
    ['a server of another scheme', withCluster({ server: 'ftp://x' }), 'is not a URL of https or http'],
    [
      'a server with a password',
      withCluster({ server: `https://me:${SECRET}@x` }),
      'must not hold a user name or a password',
    ],
    [
      'a broken server with a password',
      withCluster({ server: `https://me:${SECRET}@x:y` }),
      'clusters[0].cluster.server is no URL',
    ],
    [
      'a proxy that is none',
      withCluster({ ...CLUSTER, 'proxy-url': `ftp://me:${SECRET}@x` }),
      'clusters[0].cluster.proxy-url is not the URL of a proxy',
    ],
    [
      'authority data that is no base64',
      withCluster({ ...CLUSTER, 'certificate-authority-data': '%%%' }),
      'clusters[0].cluster.certificate-authority-data is not base64',
    ],
    [
      'authority data that is no certificate',
      withCluster({ ...CLUSTER, 'certificate-authority-data': base64('x') }),
      'certificate-authority-data holds no certificate in PEM form',
    ],
    [
      'an authority file that is missing',
      withCluster({ ...CLUSTER, 'certificate-authority': '/nowhere/ca.crt' }),
      'certificate-authority, "/nowhere/ca.crt", cannot be read: it does not exist (ENOENT)',
    ],
    [
      'an authority, and no verification',
      withCluster({ ...CLUSTER, 'certificate-authority': '/x', 'insecure-skip-tls-verify': true }),
      'leave one of the two out',
    ],
    ['a cluster that is a text', withCluster(SECRET), 'clusters[0].cluster is not a mapping'],
    ['a user that is a text', withUser(SECRET), 'users[0].user is not a mapping'],
    [
      'a token that is a number',
      withUser({ token: 4242424242 }),
      'users[0].user.token is not text; put it in quotes',
    ],
    [
      'a token of two lines',
      withUser({ token: `${SECRET}\n${SECRET}` }),
      'users[0].user.token is not one token',
    ],
    [
      'a token and a user name',
      withUser({ token: SECRET, username: 'me', password: SECRET }),
      'has both a token and a user name',
    ],
    [
      'a certificate without key',
      withUser({ 'client-certificate': '/x' }),
      'has a client-certificate and no client-key',
    ],
    ['groups without a user', withUser({ 'as-groups': ['a'] }), 'users[0].user.as is missing'],
    ['a header of two lines', withUser({ as: 'a\nb' }), 'has a control character in it'],
    ['exec without a command', exec({ command: '' }), 'exec.command is missing'],
    ['exec without a version', exec({ apiVersion: undefined }), 'exec.apiVersion is missing'],
    [
      'exec of a version that is gone',
      exec({ apiVersion: 'client.authentication.k8s.io/v1alpha1' }),
      'is not one of client.authentication.k8s.io/v1, ',
    ],
    ['exec that asks people', exec({ interactiveMode: 'Always' }), 'nobody sits at a service proxy'],
    [
      'exec and auth-provider',
      withUser({
        exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1' },
        'auth-provider': { name: 'oidc', config: { 'id-token': SECRET } },
      }),
      'has both exec and auth-provider',
    ],
    [
      'auth-provider gcp',
      withUser({ 'auth-provider': { name: 'gcp' } }),
      '"gcp" is no auth-provider that is known here; use the exec plugin gke-gcloud-auth-plugin',
    ],
    [
      'auth-provider azure',
      withUser({ 'auth-provider': { name: 'azure' } }),
      'use the exec plugin kubelogin',
    ],
    [
      'auth-provider oidc without a token',
      withUser({ 'auth-provider': { name: 'oidc', config: {} } }),
      'config.id-token is missing',
    ],
  ];

  it.each(CASES)('%s is told', async (_what, content, expected) => {
    const path = written(typeof content === 'string' ? content : stringify(content));
    const error = await failureOf(load(path));
    expect(error.code).toBe('KUBECONFIG_INVALID');
    expect(error.message).toContain(path);
    expect(error.message).toContain(expected);
    expect(error.message).not.toMatch(/hunter2|4242424242|\n/);
  });

  it('in files of credentials is told of the file', async () => {
    const directory = temporaryDirectory();
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const cases: readonly (readonly [Record<string, unknown>, string])[] = [
      [
        { tokenFile: '/nowhere/token' },
        'the token file "/nowhere/token" cannot be read: it does not exist (ENOENT)',
      ],
      [{ tokenFile: directory }, 'is not a file'],
      [{ tokenFile: fifo(join(directory, 'fifo')) }, 'is not a file'],
      [{ tokenFile: file('nothing', '') }, 'is empty'],
      [{ tokenFile: file('empty', ' \n') }, 'is empty'],
      [{ tokenFile: file('two', `${SECRET} ${SECRET}`) }, 'holds something else than one token'],
      [
        { 'client-certificate': '/nowhere/crt', 'client-key': '/x' },
        'client-certificate, "/nowhere/crt", cannot be read',
      ],
      [
        { 'client-certificate': file('crt', mine.certificate), 'client-key': file('key', another.key) },
        'client-key, ',
      ],
      [
        { 'client-certificate-data': base64(mine.certificate), 'client-key-data': base64(another.key) },
        'client-key-data does not belong to the certificate',
      ],
      [
        { 'client-certificate-data': base64(mine.certificate), 'client-key-data': base64(SECRET) },
        'client-key-data holds no private key in PEM form',
      ],
      [
        { 'client-certificate-data': base64(SECRET), 'client-key-data': base64(mine.key) },
        'client-certificate-data holds no certificate in PEM form',
      ],
    ];
    for (const [user, expected] of cases) {
      const error = await failureOf(load(written(stringify(withUser(user)))));
      expect(error.code).toBe('CREDENTIALS_UNUSABLE');
      expect(error.message).toContain(expected);
      expect(error.message).not.toMatch(/hunter2|PRIVATE|\n/);
    }
  });

  it('of any kind is an error that a person can act on, and shows no secret', async () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.constant(SECRET),
      fc.record({
        name: fc.constantFrom('one', 'me', 'here'),
        cluster: fc.jsonValue(),
        user: fc.jsonValue(),
      }),
    );
    const field = fc.constantFrom('contexts', 'clusters', 'users', 'current-context', 'kind');
    await fc.assert(
      fc.asyncProperty(field, fc.oneof(anything, fc.array(anything)), async (name, value) => {
        const text = JSON.stringify({ ...withUser({ token: SECRET, password: SECRET }), [name]: value });
        const request = {
          kubeconfig: '/k',
          master: null,
          environment: {},
          readFile: async () => Buffer.from(text),
        };
        const outcome: unknown = await loadClusterConfig(request).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(KubeSpliceError);
          if (name !== 'current-context' && name !== 'kind') expect(outcome.message).not.toContain(SECRET);
        }
      }),
      { numRuns: 300 },
    );
  });
});
