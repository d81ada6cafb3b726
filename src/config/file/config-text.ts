import { stringify } from 'yaml';
import { hostPort } from '../../model/endpoint.js';
import { formatDuration } from '../duration.js';
import { formatPortRange } from '../port-range.js';
import type { ProxyConfig, StatusAddress } from '../proxy-config.js';
import { KUBE_PROXY_CONFIGURATION, KUBE_SPLICE_CONFIGURATION } from './field-forms.js';

/** A configuration as a file that says all of it: read again, it is the same. */
export function configText(config: ProxyConfig): string {
  return [kubeProxyConfiguration(config), kubeSpliceConfiguration(config)]
    .map((document) => stringify(document))
    .join('---\n');
}

/** A configuration as `/configz` shows it, by the group of each document, as kube-proxy's does. */
export function configObjects(config: ProxyConfig): Readonly<Record<string, object>> {
  return Object.fromEntries(
    [
      [KUBE_PROXY_CONFIGURATION, kubeProxyConfiguration(config)] as const,
      [KUBE_SPLICE_CONFIGURATION, kubeSpliceConfiguration(config)] as const,
    ].map(([{ apiVersion }, object]) => [apiVersion.replace(/\/.*$/, ''), object]),
  );
}

/** What kube-proxy has fields for. */
function kubeProxyConfiguration(config: ProxyConfig): object {
  return {
    apiVersion: KUBE_PROXY_CONFIGURATION.apiVersion,
    kind: KUBE_PROXY_CONFIGURATION.kind,
    bindAddress: config.bindAddress,
    clientConnection: { kubeconfig: config.apiServer?.kubeconfig ?? '' },
    clusterCIDR: config.clusterCIDRs.join(','),
    enableProfiling: config.profiling,
    healthzBindAddress: addressText(config.statusAddress),
    hostnameOverride: config.nodeName ?? '',
    iptables: { syncPeriod: formatDuration(config.syncPeriodMs) },
    metricsBindAddress: addressText(config.metricsAddress),
    mode: config.proxyMode,
    nodePortAddresses: config.nodePortAddresses,
    portRange: formatPortRange(config.proxyPortRange),
    udpIdleTimeout: formatDuration(config.udpIdleTimeoutMs),
  };
}

/** What it has none for. */
function kubeSpliceConfiguration(config: ProxyConfig): object {
  const { log } = config;
  return {
    apiVersion: KUBE_SPLICE_CONFIGURATION.apiVersion,
    kind: KUBE_SPLICE_CONFIGURATION.kind,
    cleanupOnExit: config.cleanupOnExit,
    metricsPerEndpoint: config.metricsPerEndpoint,
    drainTimeout: formatDuration(config.drainTimeoutMs),
    halfClosedTimeout: formatDuration(config.halfClosedTimeoutMs),
    log: {
      alsoToStderr: log.alsoToStderr,
      directory: log.directory,
      format: log.format,
      level: log.level,
    },
    manifests: config.manifests,
    master: config.apiServer?.master ?? null,
    maxConnections: config.maxConnections,
    relay: config.relay,
    relaySocket: config.relaySocket,
    relayThreads: config.relayThreads,
    shutdownDelay: formatDuration(config.shutdownDelayMs),
    stateDirectory: config.stateDirectory,
    steering: config.steering,
    udpMaxSessions: config.udpMaxSessions,
    udpReplyTimeout: formatDuration(config.udpReplyTimeoutMs),
  };
}

/** An empty one would be the default: port 0 is none. */
function addressText(address: StatusAddress | null): string {
  return address === null ? '0.0.0.0:0' : hostPort(address.address, address.port);
}
