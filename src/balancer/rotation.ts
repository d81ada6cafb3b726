import type { Endpoint, EndpointKey } from '../model/endpoint.js';

/**
 * Round robin over a set of endpoints that changes while it turns.
 *
 *     before      A  B  C  D      C is next
 *                       ▲
 *     D goes, E and F come: the survivors in the order in which they would have been served, then the newcomers
 *
 *     after       C  A  B  E  F   C is next
 *                 ▲
 *
 * So over a fixed set any run of n picks serves each of n endpoints once; a survivor is never served twice before
 * another survivor is served once; and a newcomer is served at the latest after everyone who was there before it,
 * however often others come and go.
 */
export class Rotation {
  #order: readonly Endpoint[] = [];
  #next = 0;

  /** @param random uniform in [0, 1): where a wholly new set starts, so that many nodes don't all begin at one pod. */
  constructor(private readonly random: () => number) {}

  /** Makes `endpoints` (distinct keys) the set that is served. */
  replace(endpoints: readonly Endpoint[]): void {
    const wanted = new Map(endpoints.map((endpoint) => [endpoint.key, endpoint]));
    const survivors = [...this.#order.slice(this.#next), ...this.#order.slice(0, this.#next)].filter(
      ({ key }) => wanted.has(key),
    );
    if (survivors.length === 0) {
      this.#order = endpoints;
      this.#next = Math.floor(this.random() * endpoints.length);
      return;
    }
    for (const { key } of survivors) wanted.delete(key);
    this.#order = [...survivors, ...wanted.values()];
    this.#next = 0;
  }

  /**
   * The endpoint whose turn it is, passing over those in `tried` and those that are set aside; where that is all of them,
   * over those in `tried`; and over none where that is all of them, too. Undefined where there is no endpoint.
   *
   * @param isSetAside left out where none is.
   */
  pick(
    tried: ReadonlySet<EndpointKey>,
    isSetAside?: (endpoint: EndpointKey) => boolean,
  ): Endpoint | undefined {
    const { length } = this.#order;
    if (length === 0) return undefined;
    const ofThoseInUse =
      isSetAside && this.#whoseTurn((endpoint) => tried.has(endpoint) || isSetAside(endpoint));
    const index = ofThoseInUse ?? this.#whoseTurn((endpoint) => tried.has(endpoint)) ?? this.#next;
    this.#next = (index + 1) % length;
    return this.#order[index];
  }

  #whoseTurn(isPassedOver: (endpoint: EndpointKey) => boolean): number | undefined {
    const { length } = this.#order;
    for (let skipped = 0; skipped < length; skipped += 1) {
      const index = (this.#next + skipped) % length;
      const candidate = this.#order[index];
      if (candidate !== undefined && !isPassedOver(candidate.key)) return index;
    }
    return undefined;
  }
}
