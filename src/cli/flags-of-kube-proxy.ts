import type { FlagForm } from './flag.js';

/** A flag of kube-proxy that changes nothing here, and why. */
export interface IgnoredFlag extends FlagForm {
  /** Fits behind `has no effect here: `. */
  readonly because: string;
}

const IPVS = 'there is no IPVS mode';
const CONNTRACK = 'connection tracking is left as the kernel has it';
const API_CLIENT = 'the API server is asked for little, in JSON: a list, then what changes';
const LOCAL_TRAFFIC = 'traffic of pods is known by --cluster-cidr alone';
const KLOG = 'what is logged, and where, is set by -v, --log-format, --log-dir and --alsologtostderr';
const NO_HIDDEN_METRICS = 'no metric is hidden';
const IDENTITY = 'the machine is not identified';

/**
 * The other flags of kube-proxy 1.25, so that a unit file written for it starts. From its reference page
 * (kubernetes.io, command-line tools reference, kube-proxy), and two that the page leaves out: the deprecated
 * `--metrics-port` of cmd/kube-proxy/app/server.go, and `--log-flush-frequency` of component-base's `cli.Run`. Flags
 * of Windows builds only are not among them.
 */
export const IGNORED_FLAGS = [
  { name: 'add-dir-header', takes: 'boolean', because: KLOG },
  {
    name: 'bind-address-hard-fail',
    takes: 'boolean',
    because: 'a portal that cannot be opened is reported, and tried again at every sync',
  },
  { name: 'boot-id-file', takes: 'value', because: IDENTITY },
  { name: 'config-sync-period', takes: 'value', because: API_CLIENT },
  { name: 'conntrack-max-per-core', takes: 'value', because: CONNTRACK },
  { name: 'conntrack-min', takes: 'value', because: CONNTRACK },
  { name: 'conntrack-tcp-timeout-close-wait', takes: 'value', because: CONNTRACK },
  { name: 'conntrack-tcp-timeout-established', takes: 'value', because: CONNTRACK },
  { name: 'detect-local-mode', takes: 'value', because: LOCAL_TRAFFIC },
  { name: 'feature-gates', takes: 'value', because: 'there are no feature gates' },
  { name: 'iptables-min-sync-period', takes: 'value', because: 'a change takes effect at once' },
  { name: 'ipvs-exclude-cidrs', takes: 'value', because: IPVS },
  { name: 'ipvs-min-sync-period', takes: 'value', because: IPVS },
  { name: 'ipvs-scheduler', takes: 'value', because: IPVS },
  { name: 'ipvs-strict-arp', takes: 'boolean', because: IPVS },
  { name: 'ipvs-sync-period', takes: 'value', because: IPVS },
  { name: 'ipvs-tcp-timeout', takes: 'value', because: IPVS },
  { name: 'ipvs-tcpfin-timeout', takes: 'value', because: IPVS },
  { name: 'ipvs-udp-timeout', takes: 'value', because: IPVS },
  { name: 'kube-api-burst', takes: 'value', because: API_CLIENT },
  { name: 'kube-api-content-type', takes: 'value', because: API_CLIENT },
  { name: 'kube-api-qps', takes: 'value', because: API_CLIENT },
  { name: 'log-backtrace-at', takes: 'value', because: KLOG },
  { name: 'log-file', takes: 'value', because: KLOG },
  { name: 'log-file-max-size', takes: 'value', because: KLOG },
  { name: 'log-flush-frequency', takes: 'value', because: 'nothing is held back' },
  { name: 'logtostderr', takes: 'boolean', because: KLOG },
  { name: 'machine-id-file', takes: 'value', because: IDENTITY },
  { name: 'one-output', takes: 'boolean', because: KLOG },
  {
    name: 'oom-score-adj',
    takes: 'value',
    because: 'whoever starts the process sets it: OOMScoreAdjust= in systemd',
  },
  { name: 'pod-bridge-interface', takes: 'value', because: LOCAL_TRAFFIC },
  { name: 'pod-interface-name-prefix', takes: 'value', because: LOCAL_TRAFFIC },
  { name: 'show-hidden-metrics-for-version', takes: 'value', because: NO_HIDDEN_METRICS },
  { name: 'skip-headers', takes: 'boolean', because: KLOG },
  { name: 'skip-log-headers', takes: 'boolean', because: KLOG },
  { name: 'stderrthreshold', takes: 'value', because: KLOG },
  { name: 'vmodule', takes: 'value', because: KLOG },
] as const satisfies readonly IgnoredFlag[];

/** The name of a flag that changes nothing here. */
export type IgnoredFlagName = (typeof IGNORED_FLAGS)[number]['name'];
