import type { ProxyConfig } from '../config/proxy-config.js';
import type { PortalCounts } from '../proxier/proxy-view.js';
import type { ServiceOverview } from '../status/service-overview.js';
import type { StateLine } from '../status/state-dump.js';
import type { StatusReport } from '../status/status-report.js';

/** A proxy that runs in this process. */
export interface RunningProxy {
  /** What `/v1/status` would answer now. */
  report(): Promise<StatusReport>;

  /** What is proxied now, in numbers: cheap, where a report is not. */
  counts(): PortalCounts;

  /** The same, and how the rest stands: for a service manager. */
  overview(): ServiceOverview;

  /**
   * Resolves once a sync has ended well: every portal that can be opened is open, and what can be steered is. While an API
   * server has never answered, or no rule can be written, that is not yet. Never, where the proxy is stopped before.
   */
  readonly synced: Promise<void>;

  /**
   * Reads again what may have changed without a word. What cannot be read leaves what was read last, and traffic is never
   * touched by it. Resolves with a phrase for each thing that was read; with none where there is nothing.
   */
  reload(): Promise<readonly string[]>;

  /**
   * Runs as this says from now on, in what may change at once (`configChange`): nothing that is open or steered is lost by it. Resolves
   * when it is in force, as far as what is away can be told.
   */
  reconfigure(config: ProxyConfig): Promise<void>;

  /** The state of everything, as lines for the log: bounded, however much there is. */
  dump(): Promise<readonly StateLine[]>;

  /** A relay of `--relay-socket` carries the traffic: it goes on with its portals and connections after `stop`. */
  readonly relayStays: boolean;

  /** Health is 503 from now on, and nothing else changes: what was asked to end lets load balancers leave first. */
  leave(): void;

  /**
   * Stops accepting, lets open connections end for up to `graceMs`, and releases everything. Asked again, it ends no later than
   * either grace. Resolves with what `RelayEngine.cut` tells then.
   */
  stop(graceMs: number): Promise<number | null>;
}

/**
 * Starts a proxy. Resolves when it works: `synced` tells when it serves. A start that fails leaves nothing behind, and
 * may be tried again with another config.
 *
 * @throws KubeSpliceError `STATUS_ADDRESS_IN_USE` among others.
 */
export type StartProxy = (config: ProxyConfig) => Promise<RunningProxy>;
