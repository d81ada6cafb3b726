import type { PortRange } from '../config/proxy-config.js';
import { KubeSpliceError } from '../model/errors.js';
import type { ServicePortName } from '../model/service-port.js';
import type { PortalAddress } from '../relay/engine.js';

/** How many ephemeral ports are tried before the kernel is asked to find one: it searches them all. */
const EPHEMERAL_TRIES = 16;

/**
 * Gives out the ports of `--proxy-port-range`, in random order, each to one service port at a time. Without a range
 * it gives out ephemeral ports.
 *
 * The kernel would choose those just as well (port 0), but it searches them one after another: with 7,000 portals open
 * each further one takes it most of a millisecond.
 *
 * Whether another program holds a port is not asked beforehand, because the answer could be wrong by the time it is
 * used: the port is opened, and where that fails because it is in use, another one is.
 */
export class PortAllocator {
  readonly #range: PortRange | null;
  readonly #random: () => number;
  /** Ports given to nobody, in no order. Held by another program or not: only opening tells. */
  readonly #free: number[];
  readonly #given = new Set<number>();
  /** Taken back, while rules may still send their old traffic there: given out only where there is no other. */
  readonly #resting = new Set<number>();

  /**
   * @param range null for any ephemeral port.
   * @param random uniform in [0, 1).
   * @param ephemeralPorts those to choose from without a range; the kernel chooses where none of them can be had.
   */
  constructor(range: PortRange | null, random: () => number, ephemeralPorts: readonly number[]) {
    this.#range = range;
    this.#random = random;
    this.#free =
      range === null
        ? [...ephemeralPorts]
        : Array.from({ length: sizeOf(range) }, (_, index) => range.first + index);
  }

  /**
   * Opens a portal for the service port on a port of the range.
   *
   * @param preferred is tried first, where it is nobody's.
   * @param open tries one port; `PORTAL_PORT_IN_USE` from it means another is to be tried.
   * @throws KubeSpliceError `PORT_RANGE_EXHAUSTED` where no port of the range is free, else what `open` throws.
   */
  async allocate(
    name: ServicePortName,
    open: (port: number) => Promise<PortalAddress>,
    preferred?: number,
  ): Promise<PortalAddress> {
    if (preferred !== undefined && this.#resting.delete(preferred)) {
      const opened = await this.#openAny(open, 1, preferred);
      if (opened !== undefined) return opened;
    }
    if (this.#range === null) return (await this.#openAny(open, EPHEMERAL_TRIES)) ?? open(0);
    const opened = await this.#openAny(open, Number.POSITIVE_INFINITY);
    if (opened !== undefined) return opened;
    const { first, last } = this.#range;
    throw new KubeSpliceError(
      'PORT_RANGE_EXHAUSTED',
      `${name}: no port of --proxy-port-range ${first}-${last} is free: each is given to a service port, or in use by another program`,
    );
  }

  /** Takes back the port of a portal that has closed. It rests until `settle`. */
  release(port: number): void {
    // One that the kernel chose is the kernel's.
    if (this.#given.delete(port)) this.#resting.add(port);
  }

  /** Lets these ports rest: rules lead there. Those that are not among the ones to give out are left alone. */
  rest(ports: ReadonlySet<number>): void {
    const free = this.#free.filter((port) => !ports.has(port));
    for (const port of this.#free) if (ports.has(port)) this.#resting.add(port);
    this.#free.length = 0;
    for (const port of free) this.#free.push(port);
  }

  /**
   * Gives these ports to nobody until each is released: portals have them already.
   *
   * @returns those that were there to be given; the others are not this allocator's, or given already.
   */
  hold(ports: ReadonlySet<number>): ReadonlySet<number> {
    const held = new Set([...this.#free, ...this.#resting].filter((port) => ports.has(port)));
    const free = this.#free.filter((port) => !held.has(port));
    this.#free.length = 0;
    for (const port of free) this.#free.push(port);
    for (const port of held) {
      this.#resting.delete(port);
      this.#given.add(port);
    }
    return held;
  }

  /** No rule leads to a port that was taken back any more. */
  settle(): void {
    for (const port of this.#resting) this.#free.push(port);
    this.#resting.clear();
  }

  async #openAny(
    open: (port: number) => Promise<PortalAddress>,
    tries: number,
    first?: number,
  ): Promise<PortalAddress | undefined> {
    const inUse: number[] = [];
    try {
      while (inUse.length < tries) {
        const port = inUse.length === 0 && first !== undefined ? first : this.#takeAny();
        if (port === undefined) return undefined;
        try {
          const address = await open(port);
          this.#given.add(port);
          return address;
        } catch (error) {
          inUse.push(port);
          if (!(error instanceof KubeSpliceError) || error.code !== 'PORTAL_PORT_IN_USE') throw error;
        }
      }
      return undefined;
    } finally {
      // Another program may give them back: they are tried again for the next service port.
      this.#free.push(...inUse);
    }
  }

  #takeAny(): number | undefined {
    if (this.#free.length === 0) {
      const [longest] = this.#resting;
      if (longest !== undefined) this.#resting.delete(longest);
      return longest;
    }
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
