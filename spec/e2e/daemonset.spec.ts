import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ApiServer } from '../support/api-server/api-server.js';
import type { JsonObject } from '../support/api-server/stored-object.js';
import { CertificateAuthority } from '../support/certificate-authority.js';
import { eventually } from '../support/deadline.js';
import { nodeObject } from '../support/kubernetes-objects.js';
import { NODE, NodeNetwork, OUTSIDE } from '../support/network/node-network.js';
import { missingFor } from '../support/network/requirements.js';
import { ALL_PODS, serviceOfPods } from '../support/network/service-manifests.js';
import { BUILD_TIMEOUT_MS, ContainerImage, missingForImage } from '../support/pod/container-image.js';
import { deployedPod } from '../support/pod/deployed-pod.js';
import { RunningPod } from '../support/pod/running-pod.js';

const TOKEN = 'pod-token';
const API_PORT = 6443;
const CLUSTER_IP = { address: '10.96.40.1', port: 80 };
const NETWORK_CAPABILITIES = '0000000000003000';
const NO_CAPABILITIES = '0000000000000000';
const FILTERING = '2';

const missing = missingForImage() || missingFor('iptables-nft');

describe.skipIf(missing !== '')(
  `the pod of deploy/daemonset.yaml, from the image of the Dockerfile${missing}`,
  { timeout: 120_000 },
  () => {
    let image: ContainerImage;
    let network: NodeNetwork;
    let apiServer: ApiServer | undefined;
    /** What the node reaches at the client outside, on this host. */
    const bridge = createServer((client) => {
      const other = connect(apiServer?.port ?? 0, '127.0.0.1');
      client.pipe(other).pipe(client);
      client.on('error', () => other.destroy());
      other.on('error', () => client.destroy());
    });
    const directory = mkdtempSync(join(tmpdir(), 'kube-splice-bridge-'));
    beforeAll(async () => {
      network = await NodeNetwork.create();
      const path = join(directory, 'api.sock');
      await once(bridge.listen(path), 'listening');
      await network.outside.forward(API_PORT, path);
      image = await ContainerImage.build();
    }, BUILD_TIMEOUT_MS);
    afterAll(async () => {
      bridge.close();
      rmSync(directory, { recursive: true, force: true });
      await image?.delete();
      await network?.delete();
    }, BUILD_TIMEOUT_MS);

    /** An API server with a Service, and the pod once it is ready. */
    async function startPod() {
      const authority = new CertificateAuthority();
      const server = await ApiServer.start({ tls: authority.server([OUTSIDE.IPv4]), token: TOKEN });
      onTestFinished(() => server.stop());
      apiServer = server;
      server.create('nodes', { ...nodeObject([]), metadata: { name: NODE.name } });
      const { address: clusterIP } = CLUSTER_IP;
      const [service, slice] = serviceOfPods('web', { spec: { clusterIP }, endpoints: ALL_PODS })
        .split('\n---\n')
        .map((text) => JSON.parse(text) as JsonObject & { metadata: object });
      if (service === undefined || slice === undefined) throw new Error('there are two documents');
      server.create('services', { ...service, metadata: { ...service.metadata, namespace: 'default' } });
      server.create('endpointslices', { ...slice, metadata: { ...slice.metadata, namespace: 'default' } });
      const pod = await RunningPod.start(deployedPod(`https://${OUTSIDE.IPv4}:${API_PORT}`), {
        image,
        network: network.node.namespace,
        nodeName: NODE.name,
        token: TOKEN,
        authority: authority.certificate,
      });
      onTestFinished(() => pod.delete());
      const [relay, control] = [pod.container('relay'), pod.container('control')];
      await control.passes('startupProbe');
      await control.passes('readinessProbe');
      return { server, relay, control };
    }

    const answer = () => network.pods[0].curl(CLUSTER_IP);

    it('serves a ClusterIP, passes its probes, and has no more privileges than it is given', async () => {
      const { relay, control } = await startPod();
      expect(await answer()).toMatch(/^pod-1[123]$/);
      await control.passes('livenessProbe');
      await relay.passes('livenessProbe');

      expect(await relay.statusLine('Uid')).toBe('64321\t64321\t64321\t64321');
      expect(await control.statusLine('Uid')).toBe('0\t0\t0\t0');
      for (const [container, capabilities] of [
        [relay, NO_CAPABILITIES],
        [control, NETWORK_CAPABILITIES],
      ] as const) {
        expect(await container.statusLine('CapEff')).toBe(capabilities);
        expect(await container.statusLine('CapPrm')).toBe(capabilities);
        expect(await container.statusLine('NoNewPrivs')).toBe('1');
        expect(await container.statusLine('Seccomp')).toBe(FILTERING);
        const written = await container.run('/bin/sh', '-c', 'echo >/usr/lib/kube-splice/written');
        expect(written.stderr).toContain('Read-only file system');
      }
      const report = (await control.run('/usr/bin/kube-splice', 'status', '-o', 'json')).stdout;
      expect(JSON.parse(report)).toMatchObject({
        relay: { kind: 'native', reason: expect.stringContaining('uid 64321, seccomp on') },
        node: { name: NODE.name },
        sync: { errors: [] },
      });
    });

    it('gives the token of its service account to the container that asks the API server alone', async () => {
      const { relay, control } = await startPod();
      const token = '/var/run/secrets/kubernetes.io/serviceaccount/token';
      expect((await control.run('cat', token)).stdout).toBe(TOKEN);
      expect((await relay.run('cat', token)).stderr).toContain('No such file or directory');
    });

    it('goes on serving while the control container is killed and started again, which takes up where it was', async () => {
      const { server, relay, control } = await startPod();
      const relayPid = await relay.pid();
      const before = await network.node.namespace.output(['nft', '-s', 'list', 'ruleset']);
      await control.end();
      expect(await answer()).toMatch(/^pod-1[123]$/);
      await control.start();
      await control.passes('readinessProbe');
      expect(await network.node.namespace.output(['nft', '-s', 'list', 'ruleset'])).toBe(before);
      expect(await relay.pid()).toBe(relayPid);
      server.delete('services', 'default/web');
      await eventually(async () => expect(await answer()).toMatch(/^curl: /), 20_000);
    });

    it('serves again where the relay container is killed, without another start of the control container', async () => {
      const { relay, control } = await startPod();
      const controlPid = await control.pid();
      await relay.end();
      expect(await answer()).toMatch(/^curl: /);
      await relay.start();
      await relay.passes('livenessProbe');
      await eventually(async () => expect(await answer()).toMatch(/^pod-1[123]$/), 20_000);
      expect(await control.pid()).toBe(controlPid);
    });
  },
);
