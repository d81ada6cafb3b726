import { parseChoice } from '../config/choice.js';
import { parseCIDRList, parseClusterCIDRs } from '../config/cidr-list.js';
import { parsePeriod, parseTimeout } from '../config/duration.js';
import { deepFreeze } from '../config/freeze.js';
import { invalid, type Parsed, valid } from '../config/parsed.js';
import { parsePortRange } from '../config/port-range.js';
import type { ApiServerConfig, LogConfig, ProxyConfig, StatusAddress } from '../config/proxy-config.js';
import { parseIPAddress, parseSocketAddress } from '../config/socket-address.js';
import { parseTruth } from '../config/truth.js';
import { parseWholeNumber } from '../config/whole-number.js';
import { MOST_CONNECTIONS } from '../model/service-port.js';
import { type FlagName, LOG_FORMATS, PROXY_MODES, RELAYS, STEERINGS } from './flags.js';
import type { GivenFlags } from './given-flags.js';

const HIGHEST_PORT = 65_535;
/** What the native relay takes (native/PROTOCOL.md). */
const MOST_RELAY_THREADS = 64;
const MOST_UDP_SESSIONS = 1_000_000;
/** klog keeps its level in an int32. */
const HIGHEST_LOG_LEVEL = 2 ** 31 - 1;

/**
 * What the flags ask for, the rest from `defaults`; deeply frozen.
 *
 * @throws KubeSpliceError `FLAG_INVALID`, or `CONFIG_INVALID` where a file says it, for the first flag whose value cannot be read.
 */
export function configFromFlags(flags: GivenFlags, defaults: ProxyConfig): ProxyConfig {
  return deepFreeze<ProxyConfig>({
    bindAddress: flags.read('bind-address', parseIPAddress) ?? defaults.bindAddress,
    // Null is a value of its own, any port: only a flag that was not given leaves the default.
    proxyPortRange: given(flags.read('proxy-port-range', parsePortRange), defaults.proxyPortRange),
    udpIdleTimeoutMs: flags.read('udp-timeout', parsePeriod) ?? defaults.udpIdleTimeoutMs,
    halfClosedTimeoutMs: flags.read('half-closed-timeout', parseTimeout) ?? defaults.halfClosedTimeoutMs,
    udpReplyTimeoutMs: flags.read('udp-reply-timeout', parseTimeout) ?? defaults.udpReplyTimeoutMs,
    syncPeriodMs: flags.read('iptables-sync-period', parsePeriod) ?? defaults.syncPeriodMs,
    statusAddress: statusAddressFromFlags(flags, defaults.statusAddress),
    metricsAddress: addressFromFlags(flags, METRICS_FLAGS, defaults.metricsAddress),
    manifests: flags.has('manifests') ? manifests(flags) : defaults.manifests,
    apiServer: apiServer(flags) ?? defaults.apiServer,
    nodeName: flags.read('hostname-override', nodeName) ?? defaults.nodeName,
    stateDirectory: filled(flags, 'state-dir') ?? defaults.stateDirectory,
    proxyMode: flags.read('proxy-mode', (text) => proxyMode(text, defaults)) ?? defaults.proxyMode,
    steering: flags.read('steering', (text) => parseChoice(text, STEERINGS)) ?? defaults.steering,
    nodePortAddresses: flags.has('nodeport-addresses')
      ? nodePortAddresses(flags)
      : defaults.nodePortAddresses,
    clusterCIDRs: flags.read('cluster-cidr', parseClusterCIDRs) ?? defaults.clusterCIDRs,
    cleanupOnExit: flags.read('cleanup-on-exit', parseTruth) ?? defaults.cleanupOnExit,
    metricsPerEndpoint: flags.read('metrics-per-endpoint', parseTruth) ?? defaults.metricsPerEndpoint,
    profiling: flags.read('profiling', parseTruth) ?? defaults.profiling,
    relay: flags.read('relay', (text) => parseChoice(text, RELAYS)) ?? defaults.relay,
    relaySocket: filled(flags, 'relay-socket') ?? defaults.relaySocket,
    relayThreads:
      flags.read('relay-threads', (text) => parseWholeNumber(text, 0, MOST_RELAY_THREADS)) ??
      defaults.relayThreads,
    udpMaxSessions:
      flags.read('udp-max-sessions', (text) => parseWholeNumber(text, 0, MOST_UDP_SESSIONS)) ??
      defaults.udpMaxSessions,
    maxConnections:
      flags.read('max-connections', (text) => parseWholeNumber(text, 0, MOST_CONNECTIONS)) ??
      defaults.maxConnections,
    shutdownDelayMs: flags.read('shutdown-delay', parseTimeout) ?? defaults.shutdownDelayMs,
    drainTimeoutMs: flags.read('drain-timeout', parseTimeout) ?? defaults.drainTimeoutMs,
    log: logConfig(flags, defaults.log),
  });
}

/** The flag of an address, and the older one of its port. */
interface AddressFlags {
  readonly address: FlagName;
  readonly port: FlagName;
}

const STATUS_FLAGS: AddressFlags = { address: 'healthz-bind-address', port: 'healthz-port' };
const METRICS_FLAGS: AddressFlags = { address: 'metrics-bind-address', port: 'metrics-port' };

/** Where status is served, as both `--healthz-…` flags say. */
export function statusAddressFromFlags(
  flags: GivenFlags,
  defaults: StatusAddress | null,
): StatusAddress | null {
  return addressFromFlags(flags, STATUS_FLAGS, defaults);
}

/** The port of the older flag goes before one that the address has; port 0 and, as in kube-proxy, an empty address are none. */
function addressFromFlags(
  flags: GivenFlags,
  names: AddressFlags,
  defaults: StatusAddress | null,
): StatusAddress | null {
  const port = flags.read(names.port, (text) => parseWholeNumber(text, 0, HIGHEST_PORT));
  if (flags.text(names.address) === '') return null;
  const bound = flags.read(names.address, parseSocketAddress);
  const address = bound?.address ?? defaults?.address;
  const chosen = port ?? bound?.port ?? defaults?.port ?? 0;
  return address === undefined || chosen === 0 ? null : { address, port: chosen };
}

function given<T>(value: T | undefined, otherwise: T): T {
  return value === undefined ? otherwise : value;
}

function manifests(flags: GivenFlags): readonly string[] {
  const paths = flags.all('manifests');
  if (paths.includes('')) throw flags.invalid('manifests', '"" is not the path of a file or directory');
  return [...new Set(paths)];
}

/** As in kube-proxy, one flag may hold several, and there may be several flags. */
function nodePortAddresses(flags: GivenFlags): readonly string[] {
  const parsed = parseCIDRList(flags.all('nodeport-addresses').join(','));
  if (!parsed.ok) throw flags.invalid('nodeport-addresses', parsed.problem);
  return parsed.value;
}

/** As in kube-proxy, an empty value is none. */
function filled(flags: GivenFlags, name: FlagName): string | undefined {
  return flags.isFilled(name) ? flags.text(name) : undefined;
}

function apiServer(flags: GivenFlags): ApiServerConfig | undefined {
  const kubeconfig = filled(flags, 'kubeconfig') ?? null;
  const master = filled(flags, 'master') ?? null;
  return kubeconfig === null && master === null ? undefined : { kubeconfig, master };
}

/** Names of nodes are in lower case, and so kube-proxy makes this one (`nodeutil.GetHostname`). */
function nodeName(text: string): Parsed<string | undefined> {
  if (text === '') return valid(undefined);
  const name = text.trim().toLowerCase();
  return name === '' ? invalid(text, 'is no name of a node') : valid(name);
}

/** As in kube-proxy, the empty mode is the default one. */
function proxyMode(text: string, defaults: ProxyConfig): Parsed<ProxyConfig['proxyMode']> {
  if (text === '') return valid(defaults.proxyMode);
  if (text === 'ipvs' || text === 'kernelspace') {
    return invalid(
      text,
      'is a mode of kube-proxy that kube-splice does not have; give userspace or iptables',
    );
  }
  return parseChoice(text, PROXY_MODES);
}

function logConfig(flags: GivenFlags, defaults: LogConfig): LogConfig {
  const directory = flags.text('log-dir');
  return {
    format: flags.read('log-format', (text) => parseChoice(text, LOG_FORMATS)) ?? defaults.format,
    level: flags.read('v', (text) => parseWholeNumber(text, 0, HIGHEST_LOG_LEVEL)) ?? defaults.level,
    directory: directory === '' ? null : (directory ?? defaults.directory),
    alsoToStderr: flags.read('alsologtostderr', parseTruth) ?? defaults.alsoToStderr,
  };
}
