import type { V1Container, V1DaemonSet } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { programVersion } from '../../src/cli/version.js';
import { violationsOf } from '../support/kubernetes-schema.js';
import { DAEMON_SET, deployedPod, documentsOf } from '../support/pod/deployed-pod.js';

const MODELS: Readonly<Record<string, string>> = {
  ConfigMap: 'V1ConfigMap',
  DaemonSet: 'V1DaemonSet',
  ServiceAccount: 'V1ServiceAccount',
  ClusterRole: 'V1ClusterRole',
  ClusterRoleBinding: 'V1ClusterRoleBinding',
};

const MANIFESTS = [DAEMON_SET, 'deploy/rbac.yaml'];
const pod = deployedPod('https://192.0.2.1:6443');

function containerOf(name: string): V1Container {
  const container = pod.spec.containers.find((each) => each.name === name);
  if (container === undefined) throw new Error(`there is no container ${name}`);
  return container;
}

describe.each(MANIFESTS)('%s', (path) => {
  it('has nothing that the Kubernetes API does not know, lacks nothing, and is of its types', () => {
    const documents = documentsOf(path);
    expect(documents.length).toBeGreaterThan(1);
    for (const document of documents)
      expect([document.kind, violationsOf(document, MODELS[document.kind] ?? '')]).toEqual([
        document.kind,
        [],
      ]);
  });

  it('is refused by that check where it has a mistake', () => {
    const broken = (change: (document: Record<string, unknown>) => void): readonly string[] => {
      const [document] = structuredClone(documentsOf(path)) as [{ kind: string } & Record<string, unknown>];
      change(document);
      return violationsOf(document, MODELS[document.kind] ?? '');
    };
    expect(broken((document) => Object.assign(document, { metdata: {} }))).toEqual([
      expect.stringMatching(/\.metdata: no such field$/),
    ]);
    expect(broken((document) => Object.assign(document, { metadata: { labels: { a: 1 } } }))).toEqual([
      expect.stringMatching(/\.metadata\.labels\.a: no string$/),
    ]);
    expect(broken((document) => Object.assign(document, { metadata: [] }))).toEqual([
      expect.stringMatching(/\.metadata: no object$/),
    ]);
  });
});

describe(DAEMON_SET, () => {
  it('lacks nothing that a container must have, in that check', () => {
    const daemonSet = documentsOf(DAEMON_SET).find(({ kind }) => kind === 'DaemonSet') as V1DaemonSet;
    const template = daemonSet.spec?.template.spec;
    expect(violationsOf({ ...template, containers: [{ image: 'x' }] }, 'V1PodSpec')).toEqual([
      'V1PodSpec.containers[0].name: missing',
    ]);
    expect(violationsOf({ ...template, terminationGracePeriodSeconds: 1.5 }, 'V1PodSpec')).toEqual([
      'V1PodSpec.terminationGracePeriodSeconds: no integer',
    ]);
  });

  it('runs this version, relay and control process alike', () => {
    const [version] = programVersion().match(/\d+\.\d+\.\d+/) ?? [];
    for (const { image } of pod.spec.containers) expect(image?.split(':').at(-1)).toBe(version);
  });

  it('gives the relay nothing: no root, no capability, no token, no file of the node', () => {
    const relay = containerOf('relay');
    expect(relay.securityContext).toEqual({
      runAsUser: 64_321,
      runAsGroup: 64_321,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(relay.volumeMounts).toEqual([{ name: 'relay-socket', mountPath: '/run/kube-splice' }]);
    expect(pod.spec.automountServiceAccountToken).toBe(false);
  });

  it('gives the control container what packet rules take, and nothing else', () => {
    expect(containerOf('control').securityContext).toEqual({
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
    });
    const { hostPID, hostIPC, volumes = [] } = pod.spec;
    expect({ hostPID, hostIPC }).toEqual({});
    expect(volumes.flatMap(({ hostPath }) => hostPath?.path ?? [])).toEqual([
      '/var/lib/kube-splice',
      '/run/xtables.lock',
    ]);
  });

  it('is there before other pods, on every node, and probes where its configuration has health', () => {
    expect(pod.spec.priorityClassName).toBe('system-node-critical');
    expect(pod.spec.tolerations).toEqual([{ operator: 'Exists' }]);
    expect(pod.spec.hostNetwork).toBe(true);
    const text = pod.configMaps.get('kube-splice')?.['config.yaml']?.split('\n---\n')[0] ?? '';
    const { healthzBindAddress } = parseDocument(text).toJS() as { healthzBindAddress: string };
    const { startupProbe, livenessProbe, readinessProbe } = containerOf('control');
    const probes = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
    expect(probes.map((probe) => `${probe?.host}:${probe?.port}`)).toEqual(
      probes.map(() => healthzBindAddress),
    );
    expect(probes.map((probe) => probe?.path)).toEqual(['/livez', '/livez', '/readyz']);
  });
});
