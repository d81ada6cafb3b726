import type { StatusAddress } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { KubeSpliceError } from '../model/errors.js';
import { healthPages, operatorPages, type StatusFigures } from './status-pages.js';
import { StatusServer } from './status-server.js';

/** Where pages are served; null turns each off. */
export interface StatusAddresses {
  /** Of health and status. */
  readonly statusAddress: StatusAddress | null;
  /** Of metrics, and all else. */
  readonly metricsAddress: StatusAddress | null;
}

/** How soon an address of metrics that could not be had is tried again, ms: kube-proxy's (`serveMetrics`). */
const RETRY_MS = 5_000;

/**
 * The servers of the pages: one where both addresses are one, or one of them is every address with the same port.
 *
 * Without health nothing starts, because load balancers and probes would take a proxy that works for one that does not. Metrics are
 * not worth that: where their address can't be had, that is told, and it is tried again.
 */
export class StatusListeners {
  readonly #health: StatusServer | null;
  readonly #metrics: StatusServer | null;
  readonly #log: Logger;
  #retryTimer: NodeJS.Timeout | undefined;
  #isTold = false;
  #stopped = false;

  constructor({ statusAddress, metricsAddress }: StatusAddresses, figures: StatusFigures, log: Logger) {
    this.#log = log;
    const shared = sharedAddress(statusAddress, metricsAddress);
    const pages = shared === null ? healthPages(figures) : operatorPages(figures);
    const address = shared ?? statusAddress;
    this.#health = address === null ? null : new StatusServer(address, pages, log);
    this.#metrics =
      shared !== null || metricsAddress === null
        ? null
        : new StatusServer(metricsAddress, operatorPages(figures), log);
  }

  /** @throws KubeSpliceError as `StatusServer.start`, for the address of health. */
  async start(): Promise<void> {
    const address = await this.#health?.start();
    if (address !== undefined) this.#log.info('status', { ...address });
    await this.#startMetrics();
  }

  /** Nothing listens when it resolves. Harmless when repeated or never started. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    await this.#health?.stop();
    await this.#metrics?.stop();
  }

  async #startMetrics(): Promise<void> {
    if (this.#metrics === null) return;
    try {
      const address = await this.#metrics.start();
      this.#log.info('metrics', { ...address });
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      if (!this.#isTold)
        this.#log.error(`${error.code}: ${error.message}; it is tried again`, {
          remedy:
            'Stop the other program, or move metrics with --metrics-bind-address; empty turns them off.',
        });
      this.#isTold = true;
      if (!this.#stopped) this.#retryTimer = setTimeout(() => void this.#startMetrics(), RETRY_MS).unref();
    }
    // It may have been asked to stop meanwhile.
    if (this.#stopped) await this.#metrics.stop();
  }
}

/** The one that both are served at; null where they are two, or one. */
function sharedAddress(one: StatusAddress | null, other: StatusAddress | null): StatusAddress | null {
  if (one === null || other === null || one.port !== other.port || one.port === 0) return null;
  if (one.address === other.address) return one;
  return (
    [one, other].find((wider) => covers(wider.address, wider === one ? other.address : one.address)) ?? null
  );
}

function covers(wider: string, address: string): boolean {
  return wider === '::' || (wider === '0.0.0.0' && !address.includes(':'));
}
