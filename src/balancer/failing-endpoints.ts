import type { EndpointKey } from '../model/endpoint.js';

/** Failures in a row that set an endpoint aside: one or two may be a packet that was lost. */
export const FAILURES_TO_SET_ASIDE = 3;

/** How long the first time, ms; twice as long each time that its trial fails, up to the longest. */
export const FIRST_ASIDE_MS = 1_000;
export const LONGEST_ASIDE_MS = 60_000;

/** Each while is shortened by up to this part of it, so that endpoints that failed together are not all tried together. */
export const ASIDE_JITTER = 0.25;

/** How long a trial may go without a result, as where its client leaves, before another is made, ms: longer than any dial. */
export const TRIAL_MS = 3_000;

interface Failing {
  /** In a row. */
  failures: number;
  /** How often it has been set aside since it was last well; 0 is not set aside. */
  times: number;
  /** Passed over until then, ms, monotonic. */
  until: number;
  /** A connection has been sent there to see whether it is well, and has not ended. */
  onTrial: boolean;
  /** When it failed last, whether that changed anything or not. */
  failedAt: number;
}

/**
 * Which endpoints of a service port fail, and until when each is passed over:
 *
 *     well ──▶ failing ──▶ set aside ──▶ on trial          failing: fewer than FAILURES_TO_SET_ASIDE in a row
 *      ▲          │            ▲            │
 *      └──────────┴────────────┴── failed ──┤              set aside: for twice as long each time
 *      └────────────── succeeded ───────────┘              on trial: one connection; the others pass it over
 *
 * It knows nothing of the other endpoints: that the last ones are used all the same is for whoever asks (`Balancer`).
 */
export class FailingEndpoints {
  readonly #failing = new Map<EndpointKey, Failing>();

  /** True where all are well: then there is nothing to ask. */
  get isEmpty(): boolean {
    return this.#failing.size === 0;
  }

  /** Whether a connection is to go elsewhere now. False for one whose trial is due. */
  isPassedOver(endpoint: EndpointKey, now: number): boolean {
    const failing = this.#failing.get(endpoint);
    return failing !== undefined && failing.times > 0 && now < failing.until;
  }

  /** A connection is sent there: the trial of one that was set aside, if it was due. */
  picked(endpoint: EndpointKey, now: number): void {
    const failing = this.#failing.get(endpoint);
    if (failing === undefined || failing.times === 0 || now < failing.until) return;
    failing.onTrial = true;
    failing.until = now + TRIAL_MS;
  }

  /**
   * It could not be reached. Dials that began before it was set aside, or where all were, change nothing any more.
   *
   * @param random in [0, 1).
   */
  failed(endpoint: EndpointKey, now: number, random: number): void {
    const failing = this.#failing.get(endpoint) ?? {
      failures: 0,
      times: 0,
      until: 0,
      onTrial: false,
      failedAt: now,
    };
    this.#failing.set(endpoint, failing);
    failing.failedAt = now;
    if (failing.times > 0 && !failing.onTrial) return;
    failing.failures += 1;
    if (failing.failures < FAILURES_TO_SET_ASIDE) return;
    failing.until = now + asideMs(failing.times, random);
    failing.times += 1;
    failing.onTrial = false;
  }

  /** It was reached: it is well. */
  succeeded(endpoint: EndpointKey): void {
    this.#failing.delete(endpoint);
  }

  /** What was begun with it at `since` has ended without a sign of life: well, where nothing has failed since then either. */
  endedSilently(endpoint: EndpointKey, since: number): void {
    const failing = this.#failing.get(endpoint);
    if (failing !== undefined && failing.failedAt < since) this.#failing.delete(endpoint);
  }

  /** Forgets those that do not stay. */
  keepOnly(stays: (endpoint: EndpointKey) => boolean): void {
    for (const endpoint of this.#failing.keys()) if (!stays(endpoint)) this.#failing.delete(endpoint);
  }

  /** Those that are set aside or on trial, and how long it is until the next connection may go there, ms; 0 where it may now. */
  setAside(now: number): ReadonlyMap<EndpointKey, number> {
    const found = new Map<EndpointKey, number>();
    for (const [endpoint, { times, until }] of this.#failing)
      if (times > 0) found.set(endpoint, Math.max(0, until - now));
    return found;
  }
}

/** Whole ms, so that balancers in other languages come to the same. */
function asideMs(timesBefore: number, random: number): number {
  const whileMs = Math.min(LONGEST_ASIDE_MS, FIRST_ASIDE_MS * 2 ** Math.min(timesBefore, 16));
  return Math.floor(whileMs * (1 - ASIDE_JITTER * random));
}
