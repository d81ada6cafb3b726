import type { ServicePortTraffic } from '../watch/traffic-rates.js';

/** How many looks are remembered: two minutes, at one every two seconds. */
export const SAMPLES = 60;

/** Rates, the oldest first; as many as there were looks, and `SAMPLES` at most. */
export interface RateSeries {
  readonly connections: readonly number[];
  /** Both ways together. */
  readonly bytes: readonly number[];
}

const NOTHING: RateSeries = { connections: [], bytes: [] };

/**
 * What each service port, and all together, carried at the last looks: for charts. Two numbers of four bytes for each look, which makes
 * 5 MB for 10,000 service ports.
 */
export class TrafficHistory {
  readonly #rings = new Map<string, Float32Array>();
  readonly #total = new Float32Array(2 * SAMPLES);
  /** Looks so far. */
  #looks = 0;

  /** Adds a look. Service ports that are not there any more are forgotten. */
  add(traffic: readonly ServicePortTraffic[]): void {
    const place = 2 * (this.#looks % SAMPLES);
    let [connections, bytes] = [0, 0];
    const gone = new Set(this.#rings.keys());
    for (const { servicePort, newPerSecond, bytesInPerSecond, bytesOutPerSecond } of traffic) {
      gone.delete(servicePort.name);
      let ring = this.#rings.get(servicePort.name);
      if (ring === undefined) {
        ring = new Float32Array(2 * SAMPLES);
        this.#rings.set(servicePort.name, ring);
      }
      ring[place] = newPerSecond ?? 0;
      ring[place + 1] = (bytesInPerSecond ?? 0) + (bytesOutPerSecond ?? 0);
      connections += ring[place];
      bytes += ring[place + 1] ?? 0;
    }
    this.#total[place] = connections;
    this.#total[place + 1] = bytes;
    for (const name of gone) this.#rings.delete(name);
    this.#looks += 1;
  }

  of(servicePort: string): RateSeries {
    const ring = this.#rings.get(servicePort);
    return ring === undefined ? NOTHING : this.#series(ring);
  }

  get total(): RateSeries {
    return this.#series(this.#total);
  }

  #series(ring: Float32Array): RateSeries {
    const count = Math.min(this.#looks, SAMPLES);
    const at = (index: number, which: 0 | 1): number =>
      ring[2 * ((this.#looks - count + index) % SAMPLES) + which] ?? 0;
    return {
      connections: Array.from({ length: count }, (_, index) => at(index, 0)),
      bytes: Array.from({ length: count }, (_, index) => at(index, 1)),
    };
  }
}
