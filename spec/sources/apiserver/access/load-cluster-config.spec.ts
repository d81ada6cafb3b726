import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ApiClient } from '../../../../src/sources/apiserver/access/api-client.js';
import { ANYBODY, authoritiesOf } from '../../../../src/sources/apiserver/access/cluster-config.js';
import { loadClusterConfig } from '../../../../src/sources/apiserver/access/load-cluster-config.js';
import { CertificateAuthority } from '../../../support/certificate-authority.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { failureOf, httpsServer, kubeconfigFile, statusOf } from './local-api.js';

const authority = new CertificateAuthority();

const POD = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

function serviceAccount(): string {
  const directory = join(temporaryDirectory(), 'serviceaccount');
  mkdirSync(directory);
  writeFileSync(join(directory, 'token'), 'pod-token\n');
  writeFileSync(join(directory, 'ca.crt'), authority.certificate);
  return directory;
}

const inCluster = (serviceAccountDirectory: string, environment: Record<string, string> = POD) =>
  loadClusterConfig({ kubeconfig: null, master: null, environment, serviceAccountDirectory });

describe('without --kubeconfig and --master', () => {
  it('the service account of the pod counts', async () => {
    const seen: unknown[] = [];
    const { port } = await httpsServer(authority.server(), (request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: `${port}` };
    const config = await inCluster(serviceAccount(), environment);
    const client = new ApiClient({ config, userAgent: 'kube-splice/9', environment });
    try {
      expect(await statusOf(client)).toBe(200);
      expect(seen).toEqual(['Bearer pod-token']);
    } finally {
      await client.close();
    }
  });

  it('the address of the API server may be of IPv6', async () => {
    const config = await inCluster(serviceAccount(), { ...POD, KUBERNETES_SERVICE_HOST: 'fd00::1' });
    expect(config.server).toMatchObject({ host: 'fd00::1', port: 443, secure: true });
  });

  it('it is an error to be in no pod, or in one without its token', async () => {
    const outside = await failureOf(inCluster(serviceAccount(), {}));
    expect(outside.code).toBe('IN_CLUSTER_CONFIG_MISSING');
    expect(outside.message).toContain('KUBERNETES_SERVICE_HOST');
    const directory = serviceAccount();
    rmSync(join(directory, 'token'));
    const tokenless = await failureOf(inCluster(directory));
    expect(tokenless.code).toBe('IN_CLUSTER_CONFIG_MISSING');
    expect(tokenless.message).toContain(`${join(directory, 'token')}", cannot be read: it does not exist`);
  });

  it('a pod without ca.crt trusts the authorities of the system, and one that is no certificate is an error', async () => {
    const directory = serviceAccount();
    rmSync(join(directory, 'ca.crt'));
    expect(authoritiesOf((await inCluster(directory)).cluster)).toBeNull();
    writeFileSync(join(directory, 'ca.crt'), 'nonsense');
    expect((await failureOf(inCluster(directory))).code).toBe('IN_CLUSTER_CONFIG_MISSING');
  });
});

describe('with --master', () => {
  it.each([
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', false],
    ['127.0.0.1:8080', 'http://127.0.0.1:8080', false],
    ['api.test', 'http://api.test', false],
    ['https://api.test:6443/k8s/?x=1', 'https://api.test:6443/k8s', true],
    ['https://[fd00::1]', 'https://[fd00::1]', true],
  ])('alone, %s is the server, and there are no credentials', async (master, url, secure) => {
    const environment = { ...POD };
    const config = await loadClusterConfig({ kubeconfig: '', master, environment });
    expect(config.server).toMatchObject({ url, secure });
    expect(config.user).toEqual(ANYBODY);
    expect(authoritiesOf(config.cluster)).toBeNull();
  });

  it.each(['https://', 'api.test/path', 'ftp://x', 'https://u:hunter2@x', ' '])(
    '%s is a mistake',
    async (master) => {
      const error = await failureOf(loadClusterConfig({ kubeconfig: null, master, environment: {} }));
      expect(error.code).toBe('KUBECONFIG_INVALID');
      expect(error.message).toMatch(/^--master .*give one such as https:\/\/10\.0\.0\.1:6443$/);
      expect(error.message).not.toContain('hunter2');
    },
  );

  it('of http the credentials of the kubeconfig file stay at home', async () => {
    const kubeconfig = kubeconfigFile({ cluster: { server: 'https://x' }, user: { token: 'abc' } });
    const config = await loadClusterConfig({ kubeconfig, master: 'http://127.0.0.1:1', environment: {} });
    expect(config.user).toEqual(ANYBODY);
  });
});
