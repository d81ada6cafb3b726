import { type ServicePortName, serviceOf } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { ChangeCounts } from './proxy-view.js';
import type { StateDifference } from './wanted-portals.js';

const NO_TIMES: ReadonlyMap<ServicePortName, number> = new Map();

/**
 * What has changed from state to state, until a sync has brought it about:
 *
 *     noted ──syncBegins──▶ under way ──syncSucceeded──▶ brought about
 *       ▲                       │ a sync that fails leaves it for the next
 */
export class PendingChanges {
  #services = { total: 0, settled: 0, underWay: 0 };
  #endpoints = { total: 0, settled: 0, underWay: 0 };
  /** By Service, when what its endpoints were changed for happened; one of two service ports is not to count twice. */
  #noted = new Map<string, Set<number>>();
  #underWay = new Map<string, Set<number>>();

  /** @param startedAt ms since the epoch: what happened before has waited for this process to start, not for a sync. */
  constructor(private readonly startedAt: number) {}

  /** @param times when what the endpoints of the newer state were changed for happened. */
  note(
    { services, endpoints }: StateDifference,
    times: ServiceState['endpointsTriggeredAt'] = NO_TIMES,
  ): void {
    this.#services.total += services.size;
    this.#endpoints.total += endpoints.size;
    for (const name of endpoints) {
      const time = times.get(name);
      if (time !== undefined && time > this.startedAt) add(this.#noted, serviceOf(name), time);
    }
  }

  syncBegins(): void {
    this.#services.underWay = this.#services.total;
    this.#endpoints.underWay = this.#endpoints.total;
    for (const [service, times] of this.#noted) for (const time of times) add(this.#underWay, service, time);
    this.#noted = new Map();
  }

  /**
   * What was under way is brought about.
   *
   * @param now ms since the epoch.
   * @returns for each change of endpoints of which it is known when it was caused how long that is ago, ms.
   */
  syncSucceeded(now: number): readonly number[] {
    this.#services.settled = this.#services.underWay;
    this.#endpoints.settled = this.#endpoints.underWay;
    const times = [...this.#underWay.values()].flatMap((of) => [...of]);
    this.#underWay = new Map();
    // The clock of whoever tells may be ahead of this one.
    return times.map((time) => Math.max(0, now - time));
  }

  get counts(): ChangeCounts {
    return {
      services: this.#services.total,
      endpoints: this.#endpoints.total,
      pendingServices: this.#services.total - this.#services.settled,
      pendingEndpoints: this.#endpoints.total - this.#endpoints.settled,
    };
  }
}

function add(times: Map<string, Set<number>>, service: string, time: number): void {
  const of = times.get(service);
  if (of === undefined) times.set(service, new Set([time]));
  else of.add(time);
}
