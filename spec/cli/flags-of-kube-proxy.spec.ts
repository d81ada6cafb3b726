import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { dashed } from '../../src/cli/flag.js';
import { FLAGS } from '../../src/cli/flags.js';
import { IGNORED_FLAGS } from '../../src/cli/flags-of-kube-proxy.js';

/** Every flag of kube-proxy 1.25 on Linux, as its reference page and its source have them. */
const OF_KUBE_PROXY_1_25 = `
  add-dir-header alsologtostderr bind-address bind-address-hard-fail boot-id-file cleanup cluster-cidr config
  config-sync-period conntrack-max-per-core conntrack-min conntrack-tcp-timeout-close-wait
  conntrack-tcp-timeout-established detect-local-mode feature-gates healthz-bind-address healthz-port help
  hostname-override iptables-masquerade-bit iptables-min-sync-period iptables-sync-period ipvs-exclude-cidrs
  ipvs-min-sync-period ipvs-scheduler ipvs-strict-arp ipvs-sync-period ipvs-tcp-timeout ipvs-tcpfin-timeout
  ipvs-udp-timeout kube-api-burst kube-api-content-type kube-api-qps kubeconfig log-backtrace-at log-dir log-file
  log-file-max-size log-flush-frequency logtostderr machine-id-file masquerade-all master metrics-bind-address
  metrics-port nodeport-addresses one-output oom-score-adj pod-bridge-interface pod-interface-name-prefix profiling
  proxy-mode proxy-port-range show-hidden-metrics-for-version skip-headers skip-log-headers stderrthreshold
  udp-timeout v version vmodule write-config-to
`;

const MOVING = readFileSync(resolve(import.meta.dirname, '../../docs/moving-from-kube-proxy.md'), 'utf8');
const OURS = new Set<string>(FLAGS.map(({ name }) => name));

function warningsOf(...argv: string[]): readonly string[] {
  const line = parseCommandLine(['--manifests=a.yaml', ...argv]);
  if (line.command !== 'run') throw new Error(`it is ${line.command}`);
  expect(line.config.manifests).toEqual(['a.yaml']);
  return line.warnings;
}

describe('the flags of kube-proxy 1.25', () => {
  it('are all accepted: those that mean nothing here are the ones that are ignored', () => {
    const others = OF_KUBE_PROXY_1_25.trim()
      .split(/\s+/)
      .filter((name) => !OURS.has(name));
    expect(IGNORED_FLAGS.map(({ name }) => name)).toEqual(others);
  });

  it('are all in docs/moving-from-kube-proxy.md, each with what it does here', () => {
    const rows = [...MOVING.matchAll(/^\| `--?([\w-]+)` \| (.+) \|$/gm)].map(([, name = '', here = '']) => [
      name,
      here,
    ]);
    expect(rows.map(([name]) => name)).toEqual(OF_KUBE_PROXY_1_25.trim().split(/\s+/));
    const works = rows.filter(([, here = '']) => here.startsWith('works')).map(([name]) => name);
    // These two are ours to read, and have no use in userspace mode: kube-proxy's neither.
    const useless = ['iptables-masquerade-bit', 'masquerade-all'];
    const ignored = new Set<unknown>([...useless, ...IGNORED_FLAGS.map(({ name }) => name)]);
    expect(works).toEqual(rows.map(([name]) => name).filter((name) => !ignored.has(name)));
    expect(rows.filter(([name]) => ignored.has(name)).every(([, here]) => here?.startsWith('accepted'))).toBe(
      true,
    );
  });

  it.each(IGNORED_FLAGS)(
    '--$name is accepted in each of its forms, with one warning',
    ({ name, takes, because }) => {
      const warning = `${dashed(name)} has no effect here: ${because}`;
      const underscored = `--${name.replaceAll('-', '_')}`;
      const forms: string[][] =
        takes === 'boolean'
          ? [[`--${name}`], [`--${name}=true`], [`--${name}=false`], [underscored]]
          : [[`--${name}=some,value`], [`--${name}`, '-7'], [`--${name}=`], [underscored, 'value']];
      for (const form of forms) expect(warningsOf(...form)).toEqual([warning]);
      expect(warningsOf(...forms.flat())).toEqual([warning]);
    },
  );

  it('start kube-splice as a unit file has them', () => {
    const unit = [
      '--kubeconfig=/var/lib/kube-proxy/kubeconfig',
      '--hostname-override=node-1',
      '--proxy-mode=userspace',
      '--cluster-cidr=10.244.0.0/16',
      '--nodeport-addresses=192.0.2.0/24,127.0.0.0/8',
      '--detect-local-mode=ClusterCIDR',
      '--healthz-bind-address=0.0.0.0:10256',
      '--metrics-bind-address=127.0.0.1:10249',
      '--udp_timeout=500ms',
      '--masquerade-all',
      '--logtostderr=true',
      '--v=2',
      '',
    ];
    const line = parseCommandLine(unit);
    expect(line).toMatchObject({
      command: 'run',
      config: {
        proxyMode: 'userspace',
        statusAddress: { address: '0.0.0.0', port: 10_256 },
        metricsAddress: { address: '127.0.0.1', port: 10_249 },
        udpIdleTimeoutMs: 500,
        manifests: [],
        apiServer: { kubeconfig: '/var/lib/kube-proxy/kubeconfig', master: null },
        nodeName: 'node-1',
        clusterCIDRs: ['10.244.0.0/16'],
        nodePortAddresses: ['192.0.2.0/24', '127.0.0.0/8'],
        log: { level: 2, directory: null },
      },
    });
    expect('warnings' in line && line.warnings.map((warning) => warning.split(/[ :]/)[0])).toEqual([
      '--detect-local-mode',
      '--logtostderr',
      '--masquerade-all',
    ]);
  });
});
