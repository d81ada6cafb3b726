import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { StatusReport } from '../status-report.js';
import { servicePortSeries } from './service-port-series.js';

/** A page of metrics, in the text format of Prometheus. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** kube-proxy's: from a millisecond, twice as much each time (`pkg/proxy/metrics/metrics.go`). */
const SYNC_BUCKETS_SECONDS = Array.from({ length: 15 }, (_, power) => 2 ** power / 1_000);

/**
 * All metrics of a proxy: kube-proxy's own names where they apply, `kubesplice_…` for what is ours, and those that prom-client
 * has of any Node process. docs/metrics.md lists them. Labels are bounded: there is nothing for each endpoint, or client.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #report: () => Promise<StatusReport>;
  readonly #fill: readonly ((report: StatusReport) => void)[];
  readonly #syncDuration: Histogram;
  /** The page that is being made now: whoever asks meanwhile gets the same. */
  #making: Promise<MetricsPage> | undefined;

  /** @param report asked anew for every page. */
  constructor(report: () => Promise<StatusReport>) {
    this.#report = report;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#syncDuration = new Histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: '[ALPHA] SyncProxyRules latency in seconds',
      buckets: SYNC_BUCKETS_SECONDS,
      registers,
    });
    this.#fill = ofTheProxy(registers);
  }

  /** To be told of each sync, whether it ended well or not. */
  syncEnded(durationMs: number): void {
    this.#syncDuration.observe(durationMs / 1_000);
  }

  page(): Promise<MetricsPage> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<MetricsPage> {
    const report = await this.#report();
    for (const fill of this.#fill) fill(report);
    const text = [`${(await this.#registry.metrics()).trimEnd()}\n`];
    for await (const piece of servicePortSeries(report.servicePorts)) text.push(piece);
    return { contentType: this.#registry.contentType, body: text.join('') };
  }
}

type Registers = Registry[];
type Fill = (report: StatusReport) => void;

function ofTheProxy(registers: Registers): readonly Fill[] {
  const info = new Gauge({
    name: 'kubesplice_build_info',
    help: '1, with what runs: the version, the relay and the steering',
    labelNames: ['version', 'relay', 'steering'],
    registers,
  });
  const lastSynced = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    help: '[ALPHA] The last time proxy rules were successfully synced',
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
      lastSynced.set(sync.lastSynced === null ? 0 : Date.parse(sync.lastSynced) / 1_000);
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
