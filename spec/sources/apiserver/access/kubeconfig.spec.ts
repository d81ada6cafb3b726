import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  ANYBODY,
  authoritiesOf,
  clientCertificateOf,
  tokenFileOf,
} from '../../../../src/sources/apiserver/access/cluster-config.js';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { CLUSTER, config, load, written } from './kubeconfig-text.js';
import { base64 } from './local-api.js';

const SECRET = 'hunter2-is-secret';

const authority = new CertificateAuthority();
const mine = authority.client('me');

const withCluster = (cluster: unknown) => config({ clusters: [{ name: 'one', cluster }] });
const usersOf = (user: unknown) => ({ users: [{ name: 'me', user }] });
const withUser = (user: unknown) => config(usersOf(user));

describe('a kubeconfig file', () => {
  it('says which server, and whom to be taken for, by its current context', async () => {
    const path = written(
      stringify(
        config({
          contexts: [
            { name: 'there', context: { cluster: 'two', user: 'me' } },
            { name: 'here', context: { cluster: 'one', user: 'me' } },
          ],
          clusters: [
            { name: 'two', cluster: { server: 7 } },
            {
              name: 'one',
              cluster: { ...CLUSTER, 'tls-server-name': 'kubernetes', 'proxy-url': 'http://p:1' },
            },
          ],
          users: [{ name: 'me', user: { token: SECRET } }, 'nonsense'],
        }),
      ),
    );
    expect(await load(path)).toEqual({
      server: { url: 'https://10.0.0.1:6443', secure: true, host: '10.0.0.1', port: 6443, basePath: '' },
      proxy: { kind: 'http', host: 'p', port: 1, credentials: null },
      cluster: expect.objectContaining({
        name: 'one',
        place: `${JSON.stringify(path)}: clusters[1].cluster.`,
        server: 'https://10.0.0.1:6443',
        tlsServerName: 'kubernetes',
        skipTLSVerify: false,
      }),
      user: expect.objectContaining({
        name: 'me',
        place: `${JSON.stringify(path)}: users[0].user.`,
        token: SECRET,
        authProvider: null,
        exec: null,
        impersonation: {},
      }),
    });
  });

  it('names files relative to itself, and commands that have a slash', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'pki'));
    writeFileSync(join(directory, 'pki/ca.crt'), `a comment\n${authority.certificate}`);
    writeFileSync(join(directory, 'pki/me.crt'), mine.certificate);
    writeFileSync(join(directory, 'pki/me.key'), mine.key);
    writeFileSync(join(directory, 'token'), `${SECRET}\n`);
    const user = {
      'client-certificate': 'pki/me.crt',
      'client-key': 'pki/me.key',
      tokenFile: 'token',
      exec: { apiVersion: 'client.authentication.k8s.io/v1beta1', command: 'bin/plugin' },
    };
    const path = join(directory, 'config');
    const clusters = [{ name: 'one', cluster: { ...CLUSTER, 'certificate-authority': 'pki/ca.crt' } }];
    writeFileSync(path, JSON.stringify(config({ clusters, users: [{ name: 'me', user }] })));
    const found = await load(path);
    expect(authoritiesOf(found.cluster)).toMatchObject({ path: join(directory, 'pki/ca.crt') });
    expect(clientCertificateOf(found.user)).toMatchObject({
      cert: { path: join(directory, 'pki/me.crt') },
      key: { path: join(directory, 'pki/me.key') },
    });
    expect(tokenFileOf(found.user)).toBe(join(directory, 'token'));
    expect(found.user.exec).toMatchObject({ command: join(directory, 'bin/plugin') });
  });

  it('may hold the authority and the client certificate itself, which then win over files', async () => {
    const cluster = {
      ...CLUSTER,
      'certificate-authority': '/nowhere',
      'certificate-authority-data': base64(authority.certificate).replace(/(.{64})/g, '$1\n'),
    };
    const user = {
      'client-certificate': '/nowhere',
      'client-certificate-data': base64(mine.certificate),
      'client-key': '/nowhere',
      'client-key-data': base64(mine.key),
    };
    const found = await load(written(stringify({ ...withCluster(cluster), ...usersOf(user) })));
    expect(authoritiesOf(found.cluster)).toMatchObject({ text: authority.certificate });
    expect(clientCertificateOf(found.user)).toMatchObject({
      cert: { text: mine.certificate },
      key: { text: mine.key },
    });
  });

  it('may leave the user out: then nobody in particular asks', async () => {
    const contexts = [{ name: 'here', context: { cluster: 'one' } }];
    expect((await load(written(stringify(config({ contexts }))))).user).toEqual(ANYBODY);
  });
});

describe('what the client library would read more of a user', () => {
  it('is left out: a file of a field that Kubernetes does not have', async () => {
    const token = join(temporaryDirectory(), 'token');
    writeFileSync(token, SECRET);
    expect((await load(written(stringify(withUser({ 'token-file': token }))))).user.token).toBeFalsy();
  });
});

describe('--master beside a kubeconfig file', () => {
  it('takes the place of the server, and of the name in its certificate', async () => {
    const path = written(
      stringify({
        ...withUser({ token: SECRET }),
        clusters: [{ name: 'one', cluster: { ...CLUSTER, 'tls-server-name': 'x' } }],
      }),
    );
    const found = await load(path, 'https://10.9.9.9');
    expect(found.server.url).toBe('https://10.9.9.9');
    expect(found.cluster).toMatchObject({ server: 'https://10.9.9.9', tlsServerName: null });
    expect(found.user.token).toBe(SECRET);
  });

  it('may stand in for a context or a cluster that is missing', async () => {
    expect((await load(written('{}'), 'http://10.9.9.9')).server.url).toBe('http://10.9.9.9');
    const path = written(stringify(config({ clusters: [] })));
    expect((await load(path, 'http://10.9.9.9')).server.url).toBe('http://10.9.9.9');
  });
});
