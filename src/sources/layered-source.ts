import type { Logger } from '../host/log.js';
import type { ServicePortVerdicts } from '../model/endpoint-verdicts.js';
import { EMPTY_OVERLAY, overlayState } from '../model/overlay-state.js';
import { type ServicePortName, serviceOf } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { ServiceSource, SourceStatus } from './source.js';

/**
 * Two sources as one: a Service that both have is the upper one's, whole, and a line in the log says so. The first state
 * comes when both have delivered theirs.
 */
export class LayeredSource implements ServiceSource {
  readonly #upper: ServiceSource;
  readonly #lower: ServiceSource;
  readonly #logger: Logger;
  #deliver: (state: ServiceState) => void = () => undefined;
  #upperState: ServiceState | undefined;
  #lowerState: ServiceState | undefined;
  #overlay = EMPTY_OVERLAY;
  #delivered: ServiceState | undefined;

  constructor(upper: ServiceSource, lower: ServiceSource, logger: Logger) {
    this.#upper = upper;
    this.#lower = lower;
    this.#logger = logger;
  }

  async start(deliver: (state: ServiceState) => void): Promise<void> {
    this.#deliver = deliver;
    const upper = this.#upper.start((state) => {
      this.#upperState = state;
      this.#merge();
    });
    const lower = this.#lower.start((state) => {
      this.#lowerState = state;
      this.#merge();
    });
    await Promise.all([upper, lower]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#upper.stop(), this.#lower.stop()]);
  }

  async reload(): Promise<readonly string[]> {
    return [...(await this.#upper.reload()), ...(await this.#lower.reload())];
  }

  verdicts(name: ServicePortName): ServicePortVerdicts | null {
    const isOfUpper = this.#overlay.upperServices.has(serviceOf(name));
    return (isOfUpper ? this.#upper : this.#lower).verdicts(name);
  }

  status(): readonly SourceStatus[] {
    return [...this.#upper.status(), ...this.#lower.status()];
  }

  #merge(): void {
    if (this.#upperState === undefined || this.#lowerState === undefined) return;
    const known = this.#overlay.hidden;
    this.#overlay = overlayState(this.#upperState, this.#lowerState, this.#overlay);
    this.#tellHidden(known, this.#overlay.hidden);
    if (this.#overlay.state === this.#delivered) return;
    this.#delivered = this.#overlay.state;
    this.#deliver(this.#delivered);
  }

  #tellHidden(known: ReadonlySet<ServicePortName>, hidden: ReadonlySet<ServicePortName>): void {
    if (hidden === known) return;
    for (const servicePort of hidden) {
      if (known.has(servicePort)) continue;
      this.#logger.warn('a manifest declares this Service too: the one of the cluster is not used', {
        servicePort,
      });
    }
  }
}
