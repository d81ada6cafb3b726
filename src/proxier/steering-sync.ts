import type { Logger } from '../host/log.js';
import type { KubeSpliceError } from '../model/errors.js';
import type { GuardedPortal, Redirect, Steering } from '../steering/steering.js';
import { errorLine } from './service-port-views.js';

/** Steering, told of what there is to steer when that has changed, and once every sync period. */
export class SteeringSync {
  /** What was brought about last; null where that is not known. */
  #redirects: readonly Redirect[] | null = null;
  #portals: readonly GuardedPortal[] | null = null;
  /** What could not be steered, a line each. */
  #problems: readonly string[] = [];

  constructor(
    private readonly steering: Steering,
    private readonly logger: Logger,
  ) {}

  /** What could not be steered at the last time, a line each. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /**
   * Brings it about, where it is not what was brought about last. What could not be steered is told once.
   *
   * @param everything compare with the kernel, whatever was brought about.
   * @throws KubeSpliceError as `Steering.apply`; at the next call everything is compared.
   */
  async apply(
    redirects: readonly Redirect[],
    portals: readonly GuardedPortal[],
    everything: boolean,
  ): Promise<void> {
    const isKnown = this.#redirects !== null;
    if (!everything && this.#redirects === redirects && this.#portals === portals) return;
    this.#redirects = null;
    const check = everything || !isKnown ? 'everything' : 'changes';
    this.#tell(await this.steering.apply({ redirects, portals }, check));
    this.#redirects = redirects;
    this.#portals = portals;
  }

  #tell(problems: readonly KubeSpliceError[]): void {
    const told = new Set(this.#problems);
    for (const problem of problems)
      if (!told.has(errorLine(problem))) this.logger.error(errorLine(problem), { remedy: problem.remedy });
    this.#problems = problems.map(errorLine);
  }
}
