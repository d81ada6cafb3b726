import type { Endpoint, EndpointKey } from '../model/endpoint.js';
import type { SessionAffinity } from '../model/service-port.js';
import { ClientIPAffinity } from './client-ip-affinity.js';
import { Rotation } from './rotation.js';

const NONE_TRIED: ReadonlySet<EndpointKey> = new Set();

/**
 * Chooses the endpoint of each new connection or session of one service port: the one its client is bound to, else the
 * next in rotation. Affinity and rotation outlive every change of endpoints and of the timeout, so it makes no
 * difference in which order a Service and its endpoints become known.
 */
export class Balancer {
  readonly #rotation: Rotation;
  readonly #affinity: ClientIPAffinity;
  #endpoints: readonly Endpoint[] = [];
  /** Made when somebody looks for an endpoint: with thousands of service ports most never do. */
  #byKey: ReadonlyMap<EndpointKey, Endpoint> | null = null;
  #affinityTimeoutMs: number | null = null;

  /**
   * @param random uniform in [0, 1).
   * @param maxAffinityClients how many clients are remembered at most.
   */
  constructor(random: () => number, maxAffinityClients?: number) {
    this.#rotation = new Rotation(random);
    this.#affinity = new ClientIPAffinity(maxAffinityClients);
  }

  /**
   * Replaces the endpoints (distinct keys) and the affinity. Bonds to endpoints that stay are kept; one that had expired
   * under the timeout before does not come back with a longer one.
   *
   * @param now ms, monotonic.
   */
  route(endpoints: readonly Endpoint[], sessionAffinity: SessionAffinity, now: number): void {
    this.#endpoints = endpoints;
    this.#byKey = null;
    this.#rotation.replace(endpoints);
    if (this.#affinityTimeoutMs !== null) this.#affinity.dropExpired(now, this.#affinityTimeoutMs);
    this.#affinityTimeoutMs =
      sessionAffinity.type === 'ClientIP' ? sessionAffinity.timeoutSeconds * 1000 : null;
    if (this.#affinityTimeoutMs === null) this.#affinity.clear();
    else if (this.#affinity.size > 0) this.#affinity.keepOnly((key) => this.has(key));
  }

  /**
   * The endpoint for a new connection, and with affinity the client's from now on.
   *
   * @param client the client's address, without its port.
   * @param now ms, monotonic.
   * @param tried endpoints that failed this connection already: passed over unless there is no other.
   * @returns undefined where there are no endpoints.
   */
  pick(client: string, now: number, tried: ReadonlySet<EndpointKey> = NONE_TRIED): Endpoint | undefined {
    if (this.#affinityTimeoutMs === null) return this.#rotation.pick(tried);
    const bound = this.#affinity.find(client, now, this.#affinityTimeoutMs);
    const stays = bound === undefined || tried.has(bound) ? undefined : this.#index().get(bound);
    const endpoint = stays ?? this.#rotation.pick(tried);
    if (endpoint !== undefined) this.#affinity.use(client, endpoint.key, now);
    return endpoint;
  }

  /** Ends the client's bond to an endpoint that could not be reached. */
  forget(client: string, endpoint: EndpointKey): void {
    this.#affinity.forget(client, endpoint);
  }

  has(endpoint: EndpointKey): boolean {
    return this.#index().has(endpoint);
  }

  get isEmpty(): boolean {
    return this.#endpoints.length === 0;
  }

  /** Clients bound to an endpoint now, expired ones not yet cleared away included. */
  get affinityClients(): number {
    return this.#affinity.size;
  }

  #index(): ReadonlyMap<EndpointKey, Endpoint> {
    this.#byKey ??= new Map(this.#endpoints.map((endpoint) => [endpoint.key, endpoint]));
    return this.#byKey;
  }
}
