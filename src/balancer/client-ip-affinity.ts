import type { EndpointKey } from '../model/endpoint.js';

/** Clients remembered for one service port, some 10 MB of them at most; the one unused longest makes room. */
export const MAX_AFFINITY_CLIENTS = 65_536;

/** Enough to shrink faster than the table can grow, and no look-up pays for all. */
const DROPPED_IN_PASSING = 2;

export interface Bond {
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
    this.dropExpired(now, timeoutMs, DROPPED_IN_PASSING);
    const bond = this.#bonds.get(client);
    return bond !== undefined && now - bond.lastUsed < timeoutMs ? bond.endpoint : undefined;
  }

  /** What is known of the client, expired or not. */
  bond(client: string): Bond | undefined {
    return this.#bonds.get(client);
  }

  /** Binds the client to the endpoint, or refreshes the bond. */
  use(client: string, endpoint: EndpointKey, now: number): void {
    this.#bonds.delete(client);
    this.#bonds.set(client, { endpoint, lastUsed: now });
    if (this.#bonds.size > this.maxClients) this.#dropOldest();
  }

  /** Ends the client's bond to this endpoint; one that it has to another stays. */
  forget(client: string, endpoint: EndpointKey): void {
    if (this.#bonds.get(client)?.endpoint === endpoint) this.#bonds.delete(client);
  }

  /** Drops every bond to an endpoint that does not stay. */
  keepOnly(stays: (endpoint: EndpointKey) => boolean): void {
    for (const [client, bond] of this.#bonds) {
      if (!stays(bond.endpoint)) this.#bonds.delete(client);
    }
  }

  clear(): void {
    this.#bonds.clear();
  }

  /** Drops bonds that have expired, the oldest first, `most` of them at most. */
  dropExpired(now: number, timeoutMs: number, most = Number.POSITIVE_INFINITY): void {
    for (let dropped = 0; dropped < most; dropped += 1) {
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
