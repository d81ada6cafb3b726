import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ApiServer } from '../support/api-server/api-server.js';
import { startApiServer } from '../support/api-server/started-api-server.js';
import { CertificateAuthority } from '../support/certificate-authority.js';
import { eventually } from '../support/deadline.js';
import { greetingAt, sliceTo, startGreeter } from '../support/greeting-service.js';
import { base64, writeKubeconfig } from '../support/kubeconfig-file.js';
import { nodeObject, serviceObject } from '../support/kubernetes-objects.js';
import { RunningProgram } from '../support/program.js';
import { startSecuredCluster, TOKEN } from '../support/secured-cluster.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.83.5';

/** Becomes its last arguments, where `$1` is what is mounted in a pod as the service account. */
const IN_POD = [
  'unshare',
  '--mount',
  '--map-root-user',
  '/bin/sh',
  '-c',
  [
    'mount -t tmpfs pod /var/run',
    'mkdir -p /var/run/secrets/kubernetes.io',
    'ln -s "$1" /var/run/secrets/kubernetes.io/serviceaccount',
    'shift',
    'exec "$@"',
  ].join(' && '),
  'sh',
] as const;

const canMount = spawnSync(IN_POD[0], [...IN_POD.slice(1), '/', 'true']).status === 0;

/** A Service with an endpoint, and this node. */
async function populate(server: ApiServer): Promise<void> {
  server.create('nodes', nodeObject([{ type: 'InternalIP', address: '192.0.2.11' }]));
  server.create('services', serviceObject());
  server.create('endpointslices', sliceTo(await startGreeter('pod'), { name: 'web-a' }));
}

/** What a kubelet mounts: links through a directory that is replaced as a whole. */
class ServiceAccount {
  readonly directory = temporaryDirectory();
  #generation = 0;

  constructor(readonly authority: CertificateAuthority) {}

  write(token: string): void {
    this.#generation += 1;
    const data = join(this.directory, `..${this.#generation}`);
    mkdirSync(data);
    writeFileSync(join(data, 'token'), `${token}\n`);
    writeFileSync(join(data, 'ca.crt'), this.authority.certificate);
    writeFileSync(join(data, 'namespace'), 'kube-system');
    symlinkSync(data, join(this.directory, '..new'));
    renameSync(join(this.directory, '..new'), join(this.directory, '..data'));
    if (this.#generation > 1) return;
    for (const name of ['token', 'ca.crt', 'namespace'])
      symlinkSync(join('..data', name), join(this.directory, name));
  }
}

describe.skipIf(!canMount)('in a pod (skipped where no mount namespace may be made)', () => {
  async function inPod() {
    const { server, authority } = await startSecuredCluster();
    await populate(server);
    const account = new ServiceAccount(authority);
    account.write(TOKEN);
    const environment = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: `${server.port}`,
    };
    const launch = (): RunningProgram =>
      RunningProgram.launch(ADDRESS, ['--hostname-override', 'node-a'], {
        environment,
        through: [...IN_POD, account.directory],
      });
    return { server, account, launch };
  }

  it('the service account suffices: no flag says where the API server is', async () => {
    const { server, launch } = await inPod();
    const proxy = launch();
    await proxy.program.says(/ready/);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('pod');
    const { sources, node } = await proxy.report();
    expect(sources).toMatchObject([{ kind: 'apiserver', location: server.url, connected: true, errors: [] }]);
    expect(node).toEqual({ name: 'node-a', zone: null, addresses: ['192.0.2.11'] });
    const { headers } = await server.request({ kind: 'list', resource: 'services', status: 200 });
    expect(headers).toMatchObject({ authorization: `Bearer ${TOKEN}` });
  });

  it('a token that was rotated is used, whatever becomes of the old one', async () => {
    const { server, account, launch } = await inPod();
    const proxy = launch();
    await proxy.program.says(/ready/);
    await eventually(() => expect(server.openWatches()).toBe(3));
    account.write('rotated');
    server.token = 'rotated';
    server.cutWatches();
    await server.request({ kind: 'watch', headers: { authorization: 'Bearer rotated' }, status: 200 });
    server.create('services', serviceObject({ clusterIP: '10.96.0.2' }, { name: 'new' }));
    await eventually(async () => expect(await proxy.portOf('default/new:http')).toBeGreaterThan(0), 15_000);
    // The old one was refused, and the file read again before anybody had to be told.
    expect(proxy.program.stderr).not.toMatch(/WARN|ERROR/);
    expect(proxy.program.stderr).not.toContain('rotated');
    expect(server.requests.count({ kind: 'list', resource: 'services' })).toBe(1);
  });

  it('a service account whose token is not there yet is an error, which ends it', async () => {
    const { account, launch } = await inPod();
    unlinkSync(join(account.directory, 'token'));
    const { program } = launch();
    expect(await program.ended()).toBe(1);
    expect(program.stderr).toMatch(/ERROR IN_CLUSTER_CONFIG_MISSING: .*serviceaccount\/token".*remedy=/);
  });
});

describe('a kubeconfig file', () => {
  it('with a client certificate and the authority of the cluster in files', async () => {
    const authority = new CertificateAuthority();
    const server = await startApiServer({
      tls: { ...authority.server(), clientCa: authority.certificate },
    });
    await populate(server);
    const { certificate, key } = authority.client('system:node-proxier');
    const directory = temporaryDirectory();
    const files = { 'ca.crt': authority.certificate, 'client.crt': certificate, 'client.key': key };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const kubeconfig = writeKubeconfig({
      server: server.url,
      cluster: { 'certificate-authority': join(directory, 'ca.crt') },
      user: {
        'client-certificate': join(directory, 'client.crt'),
        'client-key': join(directory, 'client.key'),
      },
    });
    const proxy = await RunningProgram.start(ADDRESS, ['--kubeconfig', kubeconfig]);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('pod');
    // No certificate, no way in.
    const cluster = { 'certificate-authority-data': base64(authority.certificate) };
    const stranger = writeKubeconfig({ server: server.url, cluster });
    const other = RunningProgram.launch('127.0.83.6', ['--kubeconfig', stranger]);
    await other.program.says(/APISERVER_UNAUTHORIZED: the API server answered 401/);
  });

  it('made from the example, whose files are beside it', async () => {
    const { server, authority } = await startSecuredCluster();
    await populate(server);
    const directory = temporaryDirectory();
    const example = readFileSync(join(import.meta.dirname, '../../examples/kubeconfig.yaml'), 'utf8');
    const placeholder = 'https://192.0.2.1:6443';
    expect(example).toContain(`server: ${placeholder}`);
    writeFileSync(join(directory, 'kubeconfig'), example.replace(placeholder, server.url));
    writeFileSync(join(directory, 'ca.crt'), authority.certificate);
    writeFileSync(join(directory, 'token'), `${TOKEN}\n`);
    const proxy = await RunningProgram.start(ADDRESS, ['--kubeconfig', join(directory, 'kubeconfig')]);
    expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('pod');
  });

  it('whose server --master takes the place of', async () => {
    const { server, authority } = await startSecuredCluster();
    await populate(server);
    const cluster = { 'certificate-authority-data': base64(authority.certificate) };
    const kubeconfig = writeKubeconfig({ server: 'https://192.0.2.1:6443', cluster, user: { token: TOKEN } });
    const argv = ['--kubeconfig', kubeconfig, '--master', server.url];
    const proxy = await RunningProgram.start(ADDRESS, argv);
    expect((await proxy.report()).sources).toMatchObject([{ location: server.url, connected: true }]);
    expect(proxy.program.stderr).not.toContain(TOKEN);
  });
});
