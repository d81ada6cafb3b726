import { DEFAULT_CONFIG, DEMO_DEFAULT_CONFIG } from '../config/defaults.js';
import { formatDuration } from '../config/duration.js';
import { formatPortRange } from '../config/port-range.js';
import type { Command, Flag } from './flag.js';
import { ALL, GENERAL_FLAGS } from './general-flags.js';

const RUN: readonly Command[] = ['run'];
/** What says which Services there are, and where they are to be served. */
const SERVED: readonly Command[] = ['run', 'diff'];
const PROXY: readonly Command[] = ['run', 'demo'];

export const PROXY_MODES = ['userspace', 'iptables'] as const;
export const STEERINGS = ['auto', 'iptables', 'nftables', 'none'] as const;
export const RELAYS = ['auto', 'native', 'portable'] as const;
export const LOG_FORMATS = ['text', 'json'] as const;

/** The bit of the packet mark that kube-proxy takes by default. */
const MASQUERADE_BIT = 14;

/** Every flag that means something here, in the order of `--help` and of docs/flags.md. */
export const FLAGS = [
  {
    name: 'config',
    group: 'Configuration',
    takes: 'value',
    commands: SERVED,
    default: '',
    description:
      'A file that says what flags say: a KubeProxyConfiguration, a KubeSpliceConfiguration, or both. A flag goes before what the file says.',
  },
  {
    name: 'write-config-to',
    group: 'Configuration',
    takes: 'value',
    commands: RUN,
    default: '',
    description: 'Write what the flags and --config ask for to this file, with all defaults, and exit.',
  },
  {
    name: 'manifests',
    group: 'Services',
    takes: 'values',
    commands: SERVED,
    default: '',
    description:
      'A file, or a directory of files, that declares Services and their endpoints, in YAML or JSON. Watched. Repeat it for several.',
  },
  {
    name: 'kubeconfig',
    group: 'Services',
    takes: 'value',
    commands: SERVED,
    default: '',
    description: 'The file that says how to reach the API server: its current context is used.',
  },
  {
    name: 'master',
    group: 'Services',
    takes: 'value',
    commands: SERVED,
    default: '',
    description: 'The URL of the API server, rather than the one in --kubeconfig.',
  },
  {
    name: 'hostname-override',
    group: 'Services',
    takes: 'value',
    commands: SERVED,
    default: '',
    description: "The name of this node at the API server, where it is not the host's own.",
  },
  {
    name: 'state-dir',
    group: 'Services',
    takes: 'value',
    commands: RUN,
    default: '',
    description:
      'A directory that keeps what the API server last told, so that a restart serves it while the server is away.',
  },
  {
    name: 'bind-address',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: DEFAULT_CONFIG.bindAddress,
    demoDefault: DEMO_DEFAULT_CONFIG.bindAddress,
    description:
      'Where portals listen: an address of this host, 0.0.0.0 for every IPv4 one, :: for every one.',
  },
  {
    name: 'proxy-port-range',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: formatPortRange(DEFAULT_CONFIG.proxyPortRange),
    description:
      'Ports that portals may take: begin-end, begin+offset or a single port, ends included; 0 or 0-0 for any free one.',
  },
  {
    name: 'udp-timeout',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: formatDuration(DEFAULT_CONFIG.udpIdleTimeoutMs),
    description:
      'How long a UDP session may be idle before it ends, such as 250ms or 2s. Must be more than 0.',
  },
  {
    name: 'half-closed-timeout',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: formatDuration(DEFAULT_CONFIG.halfClosedTimeoutMs),
    description:
      'How long a TCP connection of which one side has finished may move no byte before it is reset, such as 1m or 2h; 0 is for ever.',
  },
  {
    name: 'udp-reply-timeout',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: formatDuration(DEFAULT_CONFIG.udpReplyTimeoutMs),
    description:
      'How long a UDP session may be idle while an answer is owed to its client, where that is longer; 0 for no longer than --udp-timeout.',
  },
  {
    name: 'udp-max-sessions',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: `${DEFAULT_CONFIG.udpMaxSessions}`,
    description:
      'UDP sessions that may be open at once: a new one ends the one that has been idle longest. 0 is half the open-file limit, 16384 at most.',
  },
  {
    name: 'max-connections',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: `${DEFAULT_CONFIG.maxConnections}`,
    description:
      'TCP connections that may be open at once, of all Services together: further clients wait until one ends. 0 is as many as the open-file limit allows.',
  },
  {
    name: 'relay',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: DEFAULT_CONFIG.relay,
    choices: RELAYS,
    description:
      'What moves the bytes: native, a program of its own beside this one, or portable, in this process; auto takes native where it runs.',
  },
  {
    name: 'relay-threads',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: `${DEFAULT_CONFIG.relayThreads}`,
    description: 'Threads of the native relay, 1 to 64; 0 is as many as there are cores, 4 at most.',
  },
  {
    name: 'relay-socket',
    group: 'Portals',
    takes: 'value',
    commands: PROXY,
    default: '',
    description:
      'Use the native relay that listens on this Unix socket, rather than start one: it stays when kube-splice goes.',
  },
  {
    name: 'shutdown-delay',
    group: 'Portals',
    takes: 'value',
    commands: RUN,
    default: formatDuration(DEFAULT_CONFIG.shutdownDelayMs),
    description:
      'How long portals go on listening after SIGTERM, with health at 503, so that load balancers leave first; such as 10s.',
  },
  {
    name: 'drain-timeout',
    group: 'Portals',
    takes: 'value',
    commands: RUN,
    default: formatDuration(DEFAULT_CONFIG.drainTimeoutMs),
    description:
      'How long open connections may go on after that, before they are reset. A relay of --relay-socket goes on with them.',
  },
  {
    name: 'proxy-mode',
    group: 'Steering',
    takes: 'value',
    commands: PROXY,
    default: DEFAULT_CONFIG.proxyMode,
    choices: PROXY_MODES,
    description: 'Who carries the traffic. iptables is not built yet: accepted with a warning.',
  },
  {
    name: 'steering',
    group: 'Steering',
    takes: 'value',
    commands: PROXY,
    default: DEFAULT_CONFIG.steering,
    choices: STEERINGS,
    demoDefault: DEMO_DEFAULT_CONFIG.steering,
    description:
      'How traffic for ClusterIPs is brought to the portals: packet rules of iptables or nftables, or none; auto takes what works.',
  },
  {
    name: 'iptables-sync-period',
    group: 'Steering',
    takes: 'value',
    commands: PROXY,
    default: formatDuration(DEFAULT_CONFIG.syncPeriodMs),
    description: 'The longest time between two syncs, such as 5s, 1m or 2h22m. Must be more than 0.',
  },
  {
    name: 'nodeport-addresses',
    group: 'Steering',
    takes: 'values',
    commands: SERVED,
    default: '',
    description:
      'CIDRs of the addresses of this node that NodePorts are on, with commas between them, such as 192.0.2.0/24; all of them where it is left out.',
  },
  {
    name: 'cluster-cidr',
    group: 'Steering',
    takes: 'value',
    commands: RUN,
    default: '',
    description:
      'The CIDR of the pods, or one of each family with a comma between them: what comes from there is as from this node to an externalTrafficPolicy of Local.',
  },
  {
    name: 'iptables-masquerade-bit',
    group: 'Steering',
    takes: 'value',
    commands: RUN,
    default: `${MASQUERADE_BIT}`,
    description:
      'The bit of the packet mark for SNAT, 0 to 31. Accepted with a warning: no packet is marked, as in the userspace mode of kube-proxy.',
  },
  {
    name: 'masquerade-all',
    group: 'Steering',
    takes: 'boolean',
    commands: RUN,
    default: 'false',
    description:
      'SNAT for everything sent to ClusterIPs. Accepted with a warning: endpoints see the address of the node anyway.',
  },
  {
    name: 'cleanup-iptables',
    group: 'Steering',
    takes: 'boolean',
    commands: RUN,
    default: 'false',
    description: 'Remove every packet rule that kube-splice ever makes, and exit.',
  },
  {
    name: 'cleanup',
    group: 'Steering',
    takes: 'boolean',
    commands: RUN,
    default: 'false',
    description: 'The same as --cleanup-iptables.',
  },
  {
    name: 'cleanup-on-exit',
    group: 'Steering',
    takes: 'boolean',
    commands: RUN,
    default: `${DEFAULT_CONFIG.cleanupOnExit}`,
    description: 'Remove the packet rules when kube-splice stops, rather than leave them for its next start.',
  },
  {
    name: 'healthz-bind-address',
    group: 'Status',
    takes: 'value',
    commands: ALL,
    default: DEFAULT_CONFIG.statusAddress?.address ?? '',
    description:
      'Where health and status are served, and where `kube-splice status` and `explain` ask: an address, or address:port. Empty turns it off.',
  },
  {
    name: 'healthz-port',
    group: 'Status',
    takes: 'value',
    commands: ALL,
    default: `${DEFAULT_CONFIG.statusAddress?.port ?? 0}`,
    description: 'The port of it, rather than one in --healthz-bind-address; 0 turns it off.',
  },
  {
    name: 'metrics-bind-address',
    group: 'Status',
    takes: 'value',
    commands: PROXY,
    default: DEFAULT_CONFIG.metricsAddress?.address ?? '',
    description: 'Where metrics are served: an address, or address:port. Empty turns them off.',
  },
  {
    name: 'metrics-port',
    group: 'Status',
    takes: 'value',
    commands: PROXY,
    default: `${DEFAULT_CONFIG.metricsAddress?.port ?? 0}`,
    description: 'The port of it, rather than one in --metrics-bind-address; 0 turns metrics off.',
  },
  {
    name: 'metrics-per-endpoint',
    group: 'Status',
    takes: 'boolean',
    commands: RUN,
    default: `${DEFAULT_CONFIG.metricsPerEndpoint}`,
    description:
      'Have metrics of each endpoint, too: a series of each for every endpoint that comes and goes, in Prometheus for as long as it keeps them.',
  },
  {
    name: 'profiling',
    group: 'Status',
    takes: 'boolean',
    commands: RUN,
    default: `${DEFAULT_CONFIG.profiling}`,
    description:
      'Serve CPU profiles and heap snapshots where metrics are, to clients on this host: /debug/pprof/profile and /debug/pprof/heap.',
  },
  {
    name: 'v',
    letter: 'v',
    group: 'Logs',
    takes: 'value',
    commands: PROXY,
    default: `${DEFAULT_CONFIG.log.level}`,
    description:
      'How much is logged: 2 for what an operator follows, 4 for debugging, 6 for each connection.',
  },
  {
    name: 'log-format',
    group: 'Logs',
    takes: 'value',
    commands: PROXY,
    default: DEFAULT_CONFIG.log.format,
    choices: LOG_FORMATS,
    description: 'One line an event, for people or for programs.',
  },
  {
    name: 'log-dir',
    group: 'Logs',
    takes: 'value',
    commands: PROXY,
    default: '',
    description: 'Write rotated files in this directory instead of standard error. It must exist.',
  },
  {
    name: 'alsologtostderr',
    group: 'Logs',
    takes: 'boolean',
    commands: PROXY,
    default: `${DEFAULT_CONFIG.log.alsoToStderr}`,
    description: 'With --log-dir: log to standard error as well.',
  },
  ...GENERAL_FLAGS,
] as const satisfies readonly Flag[];

/** The name of a flag that means something here. */
export type FlagName = (typeof FLAGS)[number]['name'];
