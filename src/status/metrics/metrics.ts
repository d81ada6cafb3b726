import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SyncProgress } from '../../proxier/proxy-view.js';
import type { RelayProcessFigures } from '../../relay/engine.js';
import type { StatusReport } from '../status-report.js';
import { ENDPOINT_FIGURES } from './endpoint-figures.js';
import { ofTheRelay } from './relay-figures.js';
import { SERVICE_PORT_FIGURES } from './service-port-figures.js';
import { servicePortSeries } from './service-port-series.js';

/** A page of metrics, in the text format of Prometheus. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** kube-proxy's: from a millisecond, twice as much each time (`pkg/proxy/metrics/metrics.go`). */
const SYNC_BUCKETS_SECONDS = Array.from({ length: 15 }, (_, power) => 2 ** power / 1_000);
/** kube-proxy's: finer for the first second, then each second to a minute, and so on to five minutes. */
const PROGRAMMING_BUCKETS_SECONDS = [
  0,
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, step) => 1 + step),
  ...Array.from({ length: 12 }, (_, step) => 60 + 5 * step),
  ...Array.from({ length: 7 }, (_, step) => 120 + 30 * step),
];

/**
 * All metrics of a proxy: kube-proxy's own names where they apply, `kubesplice_…` for what is ours, and those that prom-client
 * has of any Node process. docs/metrics.md lists them. Labels are bounded: there is nothing for each client, and for each endpoint only
 * where that is asked for.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #report: () => Promise<StatusReport>;
  readonly #fill: readonly Fill[];
  readonly #syncDuration: Histogram;
  readonly #programmingDuration: Histogram;
  readonly #progress: () => SyncProgress;
  readonly #relayProcess: () => Promise<RelayProcessFigures | null>;
  readonly #perEndpoint: () => boolean;
  readonly #fillRelay: ReturnType<typeof ofTheRelay>;
  /** The page that is being made now: whoever asks meanwhile gets the same. */
  #making: Promise<MetricsPage> | undefined;

  /** What is given is asked anew for every page. */
  constructor(
    report: () => Promise<StatusReport>,
    progress: () => SyncProgress,
    relayProcess: () => Promise<RelayProcessFigures | null>,
    perEndpoint: () => boolean = () => false,
  ) {
    this.#perEndpoint = perEndpoint;
    this.#relayProcess = relayProcess;
    this.#report = report;
    this.#progress = progress;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#syncDuration = new Histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: '[ALPHA] SyncProxyRules latency in seconds',
      buckets: SYNC_BUCKETS_SECONDS,
      registers,
    });
    this.#programmingDuration = new Histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: '[ALPHA] In Cluster Network Programming Latency in seconds',
      buckets: PROGRAMMING_BUCKETS_SECONDS,
      registers,
    });
    this.#fill = [...ofSyncs(registers), ...ofTheProxy(registers)];
    this.#fillRelay = ofTheRelay(registers);
  }

  /** To be told of each sync, whether it ended well or not. */
  syncEnded(durationMs: number): void {
    this.#syncDuration.observe(durationMs / 1_000);
  }

  /** To be told when a change of endpoints is in force, with how long ago what it was made for happened. */
  programmed(sinceMs: number): void {
    this.#programmingDuration.observe(sinceMs / 1_000);
  }

  page(): Promise<MetricsPage> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<MetricsPage> {
    const [report, relay] = await Promise.all([this.#report(), this.#relayProcess()]);
    const progress = this.#progress();
    for (const fill of this.#fill) fill(report, progress);
    this.#fillRelay(report, relay);
    const text = [`${(await this.#registry.metrics()).trimEnd()}\n`];
    const figures = [...SERVICE_PORT_FIGURES, ...(this.#perEndpoint() ? ENDPOINT_FIGURES : [])];
    for await (const piece of servicePortSeries(report.servicePorts, figures)) text.push(piece);
    return { contentType: this.#registry.contentType, body: text.join('') };
  }
}

type Registers = Registry[];
type Fill = (report: StatusReport, progress: SyncProgress) => void;

/** kube-proxy's own, of its last syncs and of what waits for one. */
function ofSyncs(registers: Registers): readonly Fill[] {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `kubeproxy_sync_proxy_rules_${name}`, help: `[ALPHA] ${help}`, registers });
  const counter = (name: string, help: string) =>
    new Counter({ name: `kubeproxy_sync_proxy_rules_${name}`, help: `[ALPHA] ${help}`, registers });
  const lastSynced = gauge('last_timestamp_seconds', 'The last time proxy rules were successfully synced');
  const lastQueued = gauge('last_queued_timestamp_seconds', 'The last time a sync of proxy rules was queued');
  const services = counter('service_changes_total', 'Cumulative proxy rules Service changes');
  const pendingServices = gauge('service_changes_pending', 'Pending proxy rules Service changes');
  const endpoints = counter('endpoint_changes_total', 'Cumulative proxy rules Endpoint changes');
  const pendingEndpoints = gauge('endpoint_changes_pending', 'Pending proxy rules Endpoint changes');
  const restoreFailures = counter(
    'iptables_restore_failures_total',
    'Cumulative proxy iptables restore failures',
  );
  const rules = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_iptables_total',
    help: '[ALPHA] Number of proxy iptables rules programmed',
    labelNames: ['table'],
    registers,
  });
  const noLocalEndpoints = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
    help: '[ALPHA] Number of services with a Local traffic policy and no endpoints',
    labelNames: ['traffic_policy'],
    registers,
  });
  return [
    ({ servicePorts }) => {
      const internal = servicePorts.filter(
        ({ internalTrafficPolicy, endpoints }) => internalTrafficPolicy === 'Local' && endpoints.length === 0,
      );
      const external = servicePorts.filter(
        ({ externalTrafficPolicy, external, endpoints }) =>
          externalTrafficPolicy === 'Local' && (external?.endpoints ?? endpoints).length === 0,
      );
      noLocalEndpoints.set({ traffic_policy: 'external' }, external.length);
      noLocalEndpoints.set({ traffic_policy: 'internal' }, internal.length);
    },
    ({ steering }, progress) => {
      rules.reset();
      for (const [table, count] of progress.ruleCounts) rules.set({ table }, count);
      lastSynced.set((progress.lastSynced ?? 0) / 1_000);
      lastQueued.set((progress.lastQueued ?? 0) / 1_000);
      pendingServices.set(progress.changes.pendingServices);
      pendingEndpoints.set(progress.changes.pendingEndpoints);
      for (const [total, value] of [
        [services, progress.changes.services],
        [endpoints, progress.changes.endpoints],
        // Nothing but steering makes a sync fail.
        [restoreFailures, steering.kind === 'iptables' ? progress.failed : 0],
      ] as const) {
        total.reset();
        total.inc(value);
      }
    },
  ];
}

function ofTheProxy(registers: Registers): readonly Fill[] {
  const info = new Gauge({
    name: 'kubesplice_build_info',
    help: '1, with what runs: the version, the relay and the steering',
    labelNames: ['version', 'relay', 'steering'],
    registers,
  });
  const syncs = new Counter({
    name: 'kubesplice_syncs_total',
    help: 'Syncs that ended well (success), or failed (failure)',
    labelNames: ['result'],
    registers,
  });
  const syncErrors = new Gauge({
    name: 'kubesplice_sync_errors',
    help: 'What the last sync could not do: the status has a line for each',
    registers,
  });
  const stale = new Gauge({
    name: 'kubesplice_source_stale',
    help: '1 where what a source told last may be out of date, because it is away or can not be read',
    labelNames: ['kind'],
    registers,
  });
  const objects = new Gauge({
    name: 'kubesplice_source_objects',
    help: 'Objects that the sources of a kind have told of',
    labelNames: ['kind'],
    registers,
  });
  const refused = new Counter({
    name: 'kubesplice_steering_refused_total',
    help: 'What was sent straight to a portal from off the node, and refused: connections and datagrams',
    labelNames: ['kind'],
    registers,
  });
  return [
    ({ version, relay, steering }) => {
      info.reset();
      info.set({ version, relay: relay.kind, steering: steering.kind }, 1);
    },
    ({ sync }) => {
      syncErrors.set(sync.errors.length);
      syncs.reset();
      syncs.inc({ result: 'success' }, sync.succeeded);
      syncs.inc({ result: 'failure' }, sync.failed);
    },
    ({ sources }) => {
      stale.reset();
      objects.reset();
      for (const source of sources) {
        stale.inc({ kind: source.kind }, source.stale ? 1 : 0);
        objects.inc({ kind: source.kind }, source.objects);
      }
    },
    ({ steering }) => {
      refused.reset();
      if (steering.refused === null) return;
      refused.inc({ kind: 'connection' }, steering.refused.connections);
      refused.inc({ kind: 'datagram' }, steering.refused.datagrams);
    },
  ];
}
