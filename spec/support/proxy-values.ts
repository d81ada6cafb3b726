import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import { SILENT_LOGGER } from '../../src/host/log.js';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';
import type { ServicePort } from '../../src/model/service-port.js';
import type { ProxyView, ServicePortView, SyncProgress } from '../../src/proxier/proxy-view.js';
import type { PortalCounters } from '../../src/relay/engine.js';
import { NO_TRAFFIC } from '../../src/relay/no-traffic.js';
import type { SourceStatus } from '../../src/sources/source.js';
import type { StatusFigures } from '../../src/status/status-pages.js';
import { buildStatusReport, type StatusInput, type StatusReport } from '../../src/status/status-report.js';

/** Values that a proxier, a relay and their sources would show: a spec names only what it is about. */

export const NOON = Date.UTC(2026, 10, 22, 12, 0, 0);

export function aServicePort(changes: Partial<ServicePort> = {}): ServicePort {
  return {
    name: 'default/whoami:http',
    namespace: 'default',
    service: 'whoami',
    portName: 'http',
    protocol: 'TCP',
    port: 3000,
    clusterIPs: ['10.10.10.28'],
    nodePort: null,
    externalIPs: [],
    loadBalancerIPs: [],
    loadBalancerSourceRanges: [],
    sessionAffinity: { type: 'None' },
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: null,
    ...changes,
  };
}

export function aUdpServicePort(changes: Partial<ServicePort> = {}): ServicePort {
  return aServicePort({
    name: 'default/echo',
    service: 'echo',
    portName: '',
    protocol: 'UDP',
    port: 7000,
    clusterIPs: ['10.10.10.29'],
    ...changes,
  });
}

export function endpoints(...ports: number[]): Endpoint[] {
  return ports.map((port) => endpoint('10.1.0.1', port));
}

export function aServicePortView(changes: Partial<ServicePortView> = {}): ServicePortView {
  return {
    servicePort: aServicePort(),
    endpoints: endpoints(3001, 3002),
    portal: { address: '0.0.0.0', port: 40123 },
    error: null,
    external: null,
    ...changes,
  };
}

export function syncProgress(changes: Partial<SyncProgress> = {}): SyncProgress {
  return {
    pendingSince: null,
    pendingForMs: null,
    lastSynced: NOON - 2_000,
    begun: 3,
    succeeded: 3,
    failed: 0,
    errors: [],
    lastQueued: NOON - 3_000,
    changes: { services: 0, endpoints: 0, pendingServices: 0, pendingEndpoints: 0 },
    ruleCounts: new Map(),
    ...changes,
  };
}

export function aView(
  servicePorts: readonly ServicePortView[],
  progress: Partial<SyncProgress> = {},
): ProxyView {
  return {
    servicePorts: () => servicePorts,
    redirects: () => [],
    syncProgress: () => syncProgress(progress),
  };
}

export function portalCounters(changes: Partial<PortalCounters> = {}): PortalCounters {
  return { ...NO_TRAFFIC, ...changes };
}

export function aSourceStatus(changes: Partial<SourceStatus> = {}): SourceStatus {
  return {
    kind: 'manifests',
    location: '/etc/kube-splice/services.yaml',
    objects: 4,
    stale: false,
    connected: null,
    connectionChangedAt: null,
    endpointApi: null,
    savedAt: null,
    errors: [],
    ...changes,
  };
}

export function statusInput(changes: Partial<StatusInput> = {}): StatusInput {
  return {
    facts: {
      version: '0.1.0',
      startedAt: NOON - 125_000,
      relay: { kind: 'portable', reason: 'asked for by --relay' },
      steering: { kind: 'none', reason: 'asked for by --steering' },
    },
    view: aView([aServicePortView()]),
    counters: new Map(),
    refused: null,
    sources: [aSourceStatus()],
    node: null,
    now: NOON,
    ...changes,
  };
}

export function aReport(changes: Partial<StatusInput> = {}): StatusReport {
  return buildStatusReport(statusInput(changes));
}

/** What the pages are to show: of a proxy that is well. */
export function statusFigures(changes: Partial<StatusFigures> = {}): StatusFigures {
  const healthy = { healthy: true, lastUpdated: NOON, currentTime: NOON };
  return {
    health: () => healthy,
    liveness: () => healthy,
    unready: () => null,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: '# nothing\n' }),
    report: async () => aReport(),
    explain: async () => Promise.reject(new Error('nothing is explained')),
    recentFailures: () => [],
    logger: SILENT_LOGGER,
    config: () => DEFAULT_CONFIG,
    proxyMode: 'userspace',
    ...changes,
  };
}

/** Of a relay that is this process. */
export const noRelayProcess = async () => null;
