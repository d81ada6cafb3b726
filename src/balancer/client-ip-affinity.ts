import type { EndpointKey } from '../model/endpoint.js';

/** Clients remembered for one service port, some 10 MB of them at most; the one unused longest makes room. */
export const MAX_AFFINITY_CLIENTS = 65_536;

interface Bond {
  readonly endpoint: EndpointKey;
  /** When the client last began a connection, ms. */
  readonly lastUsed: number;
}

/**
 * Which endpoint each client of a service port stays with. The map's own order is the order of last use, oldest
 * first: what has expired and what must make room are both found at its front.
 */
export class ClientIPAffinity {
  readonly #bonds = new Map<string, Bond>();

  constructor(private readonly maxClients: number = MAX_AFFINITY_CLIENTS) {}

  get size(): number {
    return this.#bonds.size;
  }

  /** The client's endpoint, unless it was last used `timeoutMs` ago or longer. Does not count as use. */
  find(client: string, now: number, timeoutMs: number): EndpointKey | undefined {
    this.#dropExpired(now, timeoutMs);
    const bond = this.#bonds.get(client);
    return bond !== undefined && now - bond.lastUsed < timeoutMs ? bond.endpoint : undefined;
  }

  /** Binds the client to the endpoint, or refreshes the bond. */
  use(client: string, endpoint: EndpointKey, now: number): void {
    this.#bonds.delete(client);
    this.#bonds.set(client, { endpoint, lastUsed: now });
    if (this.#bonds.size > this.maxClients) this.#dropOldest();
  }

  forget(client: string): void {
    this.#bonds.delete(client);
  }

  /** Drops every bond to an endpoint that is not in `endpoints`. */
  keepOnly(endpoints: ReadonlySet<EndpointKey>): void {
    for (const [client, bond] of this.#bonds) {
      if (!endpoints.has(bond.endpoint)) this.#bonds.delete(client);
    }
  }

  clear(): void {
    this.#bonds.clear();
  }

  /** At most two a call: enough to shrink faster than one call can grow, and no call pays for all. */
  #dropExpired(now: number, timeoutMs: number): void {
    for (let dropped = 0; dropped < 2; dropped += 1) {
      const oldest = this.#bonds.entries().next().value;
      if (oldest === undefined || now - oldest[1].lastUsed < timeoutMs) return;
      this.#bonds.delete(oldest[0]);
    }
  }

  #dropOldest(): void {
    const oldest = this.#bonds.keys().next().value;
    if (oldest !== undefined) this.#bonds.delete(oldest);
  }
}
