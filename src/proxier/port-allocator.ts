import type { PortRange } from '../config/proxy-config.js';
import { KubeSpliceError } from '../model/errors.js';
import type { ServicePortName } from '../model/service-port.js';
import type { PortalAddress } from '../relay/engine.js';

/**
 * Gives out the ports of `--proxy-port-range`, in random order, each to one service port at a time.
 *
 * Whether another program holds a port is not asked beforehand, because the answer could be wrong by the time it is
 * used: the port is opened, and where that fails because it is in use, another one is.
 */
export class PortAllocator {
  readonly #range: PortRange | null;
  readonly #random: () => number;
  /** Ports given to nobody, in no order. Held by another program or not: only opening tells. */
  readonly #free: number[];

  /**
   * @param range null lets the kernel choose each port.
   * @param random uniform in [0, 1).
   */
  constructor(range: PortRange | null, random: () => number) {
    this.#range = range;
    this.#random = random;
    this.#free =
      range === null ? [] : Array.from({ length: sizeOf(range) }, (_, index) => range.first + index);
  }

  /**
   * Opens a portal for the service port on a port of the range.
   *
   * @param open tries one port; `PORTAL_PORT_IN_USE` from it means another is to be tried.
   * @throws KubeSpliceError `PORT_RANGE_EXHAUSTED` where no port of the range is free, else what `open` throws.
   */
  async allocate(
    name: ServicePortName,
    open: (port: number) => Promise<PortalAddress>,
  ): Promise<PortalAddress> {
    if (this.#range === null) return open(0);
    const inUse: number[] = [];
    try {
      for (let port = this.#takeAny(); port !== undefined; port = this.#takeAny()) {
        try {
          return await open(port);
        } catch (error) {
          inUse.push(port);
          if (!(error instanceof KubeSpliceError) || error.code !== 'PORTAL_PORT_IN_USE') throw error;
        }
      }
    } finally {
      // Another program may give them back: they are tried again for the next service port.
      this.#free.push(...inUse);
    }
    const { first, last } = this.#range;
    throw new KubeSpliceError(
      'PORT_RANGE_EXHAUSTED',
      `${name}: no port of --proxy-port-range ${first}-${last} is free: each is given to a service port, or in use by another program`,
    );
  }

  /** Takes back the port of a portal that has closed. */
  release(port: number): void {
    if (this.#range !== null) this.#free.push(port);
  }

  #takeAny(): number | undefined {
    const index = Math.floor(this.#random() * this.#free.length);
    const port = this.#free[index];
    const last = this.#free.pop();
    if (last !== undefined && index < this.#free.length) this.#free[index] = last;
    return port;
  }
}

function sizeOf({ first, last }: PortRange): number {
  return last - first + 1;
}
