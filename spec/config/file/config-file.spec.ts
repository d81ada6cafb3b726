import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '../../../src/config/file/config-file.js';
import { KubeSpliceError } from '../../../src/model/errors.js';

const PROXY = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const SPLICE = 'apiVersion: kube-splice.io/v1alpha1\nkind: KubeSpliceConfiguration\n';
/** As kubeadm 1.29 writes it. */
const CONFIG_MAP = readFileSync('spec/fixtures/kubeadm-kube-proxy.yaml', 'utf8');

function read(text: string) {
  const { values, warnings } = readConfigFile('k.yaml', text);
  return { says: Object.fromEntries([...values].map(([flag, { texts }]) => [flag, texts])), warnings };
}

function problemsOf(text: string): readonly string[] {
  try {
    readConfigFile('k.yaml', text);
  } catch (error) {
    if (!(error instanceof KubeSpliceError)) throw error;
    expect(error.code).toBe('CONFIG_INVALID');
    return error.message.split('; ');
  }
  return [];
}

describe('a configuration file', () => {
  it('says what flags say, in fields', () => {
    const text = `${PROXY}
bindAddress: 192.0.2.1
clientConnection:
  kubeconfig: /etc/kubeconfig
healthzBindAddress: 0.0.0.0:10256
iptables: { syncPeriod: 1m, masqueradeAll: true }
nodePortAddresses: [192.0.2.0/24, 127.0.0.0/8]
`;
    expect(read(text)).toEqual({
      says: {
        'bind-address': ['192.0.2.1'],
        kubeconfig: ['/etc/kubeconfig'],
        'healthz-bind-address': ['0.0.0.0:10256'],
        'iptables-sync-period': ['1m'],
        'masquerade-all': ['true'],
        'nodeport-addresses': ['192.0.2.0/24', '127.0.0.0/8'],
      },
      warnings: [],
    });
  });

  it('has a place for each value', () => {
    const { values } = readConfigFile('k.yaml', `${PROXY}iptables:\n  syncPeriod: 1m\n`);
    expect(values.get('iptables-sync-period')?.where).toBe('k.yaml:4: iptables.syncPeriod');
  });

  it('may be JSON', () => {
    const text = JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      portRange: '7-9',
    });
    expect(read(text).says).toEqual({ 'proxy-port-range': ['7-9'] });
  });

  it('may have a document of our own beside, in any order', () => {
    const own = `${SPLICE}manifests: [/a, /b]\nmaxConnections: 7\nlog: { level: 2 }\n`;
    const says = { 'udp-timeout': ['2s'], manifests: ['/a', '/b'], 'max-connections': ['7'], v: ['2'] };
    for (const text of [
      `${PROXY}udpIdleTimeout: 2s\n---\n${own}`,
      `---\n${own}---\n${PROXY}udpIdleTimeout: 2s\n`,
    ])
      expect(read(text)).toEqual({ says, warnings: [] });
    expect(read(own).says).toMatchObject({ 'max-connections': ['7'] });
  });

  it('says nothing of what nobody has set, as Go writes that', () => {
    const text = `${PROXY}
bindAddress: ""
bindAddressHardFail: false
clientConnection: { qps: 0, burst: 0 }
conntrack: { maxPerCore: null }
featureGates: {}
iptables: null
nodePortAddresses: []
oomScoreAdj: 0
udpIdleTimeout: 0s
`;
    expect(read(text)).toEqual({ says: {}, warnings: [] });
  });

  it('says 0 where that is a value: in our own document', () => {
    expect(read(`${SPLICE}udpReplyTimeout: 0s\nhalfClosedTimeout: null\n`).says).toEqual({
      'udp-reply-timeout': ['0s'],
    });
  });

  it('is read out of the ConfigMap of kubeadm, and as it is in there, with nothing to warn of', () => {
    const says = {
      'bind-address': ['0.0.0.0'],
      kubeconfig: ['/var/lib/kube-proxy/kubeconfig.conf'],
      'cluster-cidr': ['10.244.0.0/16'],
    };
    expect(read(CONFIG_MAP)).toEqual({ says, warnings: [] });
    const inner = /config\.conf: \|-\n((?: {4}.*\n)+)/.exec(CONFIG_MAP)?.[1]?.replaceAll(/^ {4}/gm, '') ?? '';
    expect(inner).toContain('KubeProxyConfiguration');
    expect(read(inner)).toEqual({ says, warnings: [] });
  });

  it('names a place in a ConfigMap by its key', () => {
    const text = CONFIG_MAP.replace('10.244.0.0/16', '7');
    expect(problemsOf(text)).toEqual([
      'k.yaml: data["config.conf"]:10: clusterCIDR: 7 is not text',
      'put it in quotes',
    ]);
  });

  describe('that is not known in all', () => {
    it('is read, with a warning for each field, its line and what was meant', () => {
      const text = `${PROXY}udpIdleTimout: 5s\niptables:\n  syncPeriods: 3s\nnonsense: { a: { b: 1 } }\nportRange: 7-9\n`;
      expect(read(text)).toEqual({
        says: { 'proxy-port-range': ['7-9'] },
        warnings: [
          'k.yaml:3: udpIdleTimout is not known here, and overlooked; did you mean udpIdleTimeout?',
          'k.yaml:5: iptables.syncPeriods is not known here, and overlooked; did you mean iptables.syncPeriod?',
          'k.yaml:6: nonsense is not known here, and overlooked',
        ],
      });
    });

    it('is read where a key is there twice: the last one counts, as it does for kube-proxy', () => {
      expect(read(`${PROXY}portRange: 7-9\nportRange: 8-9\n`)).toEqual({
        says: { 'proxy-port-range': ['8-9'] },
        warnings: ['k.yaml:4: the key "portRange" is there twice; the last one counts'],
      });
    });

    it('is told of a field that has no effect and no flag', () => {
      expect(read(`${PROXY}winkernel: { enableDSR: true }\n`).warnings).toEqual([
        'k.yaml:3: winkernel.enableDSR has no effect here: this is no Windows node',
      ]);
    });
  });

  it.each([
    ['bindAddress: 7', 'k.yaml:3: bindAddress: 7 is not text'],
    ['bindAddressHardFail: "yes"', 'k.yaml:3: bindAddressHardFail: "yes" is not true or false'],
    ['oomScoreAdj: 1.5', 'k.yaml:3: oomScoreAdj: 1.5 is not a whole number'],
    ['clientConnection: { qps: much }', 'k.yaml:3: clientConnection.qps: "much" is not a number'],
    ['clientConnection: [1]', 'k.yaml:3: clientConnection: a list is not a mapping'],
    ['nodePortAddresses: 10.0.0.0/8', 'k.yaml:3: nodePortAddresses: "10.0.0.0/8" is not a list'],
    ['nodePortAddresses: [7]', 'k.yaml:3: nodePortAddresses[0]: 7 is not text'],
    ['udpIdleTimeout: 250', 'k.yaml:3: udpIdleTimeout: 250 is not text'],
    ['iptables: { syncPeriod: soon }', 'k.yaml:3: iptables.syncPeriod: "soon" is not a duration'],
    ['featureGates: { A: 1 }', 'k.yaml:3: featureGates.A: 1 is not true or false'],
    ['featureGates: A', 'k.yaml:3: featureGates: "A" is not a mapping'],
  ])('is refused for %s', (line, problem) => {
    expect(problemsOf(`${PROXY}${line}\n`)[0]).toBe(problem);
  });

  it('is refused with all that is wrong at once', () => {
    const problems = problemsOf(
      `${PROXY}bindAddressHardFail: 1\noomScoreAdj: x\n---\n${SPLICE}relayThreads: true\n`,
    );
    expect(problems.map((problem) => /^k\.yaml:\d+: \w+/.exec(problem)?.[0]).filter(Boolean)).toEqual([
      'k.yaml:3: bindAddressHardFail',
      'k.yaml:4: oomScoreAdj',
      'k.yaml:8: relayThreads',
    ]);
  });

  it.each([
    ['', 'k.yaml: holds no configuration'],
    ['# nothing\n---\n', 'k.yaml: holds no configuration'],
    ['a: [', /^k\.yaml:1: /],
    ['hello', /^k\.yaml:1: is no configuration: apiVersion and kind say which/],
    ['[1, 2]', /^k\.yaml:1: is no configuration/],
    ['kind: KubeProxyConfiguration\n', /^k\.yaml:1: is no configuration/],
    [
      'apiVersion: v1\nkind: Service\n',
      /^k\.yaml:1: "Service" of "v1" is no configuration that is known here/,
    ],
    [
      'apiVersion: kubeproxy.config.k8s.io/v1\nkind: KubeProxyConfiguration\n',
      /"KubeProxyConfiguration" of "kubeproxy\.config\.k8s\.io\/v1" is no configuration/,
    ],
    [`${PROXY}---\n${PROXY}`, 'k.yaml:4: a second KubeProxyConfiguration'],
    ['apiVersion: v1\nkind: ConfigMap\ndata: { a: b }\n', /"ConfigMap" of "v1" is no configuration/],
    ['apiVersion: v1\nkind: ConfigMap\n', /"ConfigMap" of "v1" is no configuration/],
  ])('is refused where it is %j', (text, problem) => {
    expect(problemsOf(text)[0]).toMatch(problem);
  });

  it('is not unfolded without end', () => {
    const bomb = `${PROXY}a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: [*c, *c, *c, *c, *c, *c, *c, *c, *c]
`;
    expect(problemsOf(bomb)[0]).toMatch(/^k\.yaml:\d+: .*alias/i);
  });
});
