import type { Endpoint, EndpointKey } from '../model/endpoint.js';
import type { SessionAffinity } from '../model/service-port.js';
import { ClientIPAffinity } from './client-ip-affinity.js';
import { FailingEndpoints } from './failing-endpoints.js';
import { Rotation } from './rotation.js';

const NONE_TRIED: ReadonlySet<EndpointKey> = new Set();

const NONE_SET_ASIDE: ReadonlyMap<EndpointKey, number> = new Map();

/**
 * Chooses the endpoint of each new connection or session of one service port: the one its client is bound to, else the
 * next in rotation. One that keeps failing is set aside for a while (`FailingEndpoints`), and its clients are bound to
 * others; where all would be, all are used. Affinity and rotation outlive every change of endpoints and of the timeout, so it makes no
 * difference in which order a Service and its endpoints become known.
 */
export class Balancer {
  readonly #rotation: Rotation;
  readonly #affinity: ClientIPAffinity;
  readonly #failing = new FailingEndpoints();
  #endpoints: readonly Endpoint[] = [];
  /** Made when somebody looks for an endpoint: with thousands of service ports most never do. */
  #byKey: ReadonlyMap<EndpointKey, Endpoint> | null = null;
  #affinityTimeoutMs: number | null = null;

  /**
   * @param random uniform in [0, 1): where a wholly new set starts, and how long one that fails is set aside.
   * @param maxAffinityClients how many clients are remembered at most.
   */
  constructor(
    private readonly random: () => number,
    maxAffinityClients?: number,
  ) {
    this.#rotation = new Rotation(random);
    this.#affinity = new ClientIPAffinity(maxAffinityClients);
  }

  /**
   * Replaces the endpoints (distinct keys) and the affinity. Bonds to endpoints that stay are kept; one that had expired
   * under the timeout before does not come back with a longer one. An endpoint that was away is well when it comes back.
   *
   * @param now ms, monotonic.
   */
  route(endpoints: readonly Endpoint[], sessionAffinity: SessionAffinity, now: number): void {
    this.#endpoints = endpoints;
    this.#byKey = null;
    this.#rotation.replace(endpoints);
    if (!this.#failing.isEmpty) this.#failing.keepOnly((key) => this.has(key));
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
    const isSetAside = this.#failing.isEmpty
      ? undefined
      : (key: EndpointKey): boolean => this.#failing.isPassedOver(key, now);
    const stays = this.#bound(client, now, tried, isSetAside);
    const endpoint = stays ?? this.#rotation.pick(tried, isSetAside);
    if (endpoint === undefined) return undefined;
    if (isSetAside !== undefined) this.#failing.picked(endpoint.key, now);
    if (this.#affinityTimeoutMs !== null) this.#affinity.use(client, endpoint.key, now);
    return endpoint;
  }

  /** Ends the client's bond to an endpoint that could not be reached. */
  forget(client: string, endpoint: EndpointKey): void {
    this.#affinity.forget(client, endpoint);
  }

  /** An endpoint that `pick` gave was reached: whatever was held against it is forgotten. */
  succeeded(endpoint: EndpointKey): void {
    this.#failing.succeeded(endpoint);
  }

  /**
   * An endpoint that `pick` gave could not be reached: it refused, did not answer in time or has no way to it. Not for what
   * is no fault of the endpoint's: this process is out of files, or the client has left.
   *
   * @param now ms, monotonic.
   */
  failed(endpoint: EndpointKey, now: number): void {
    if (this.has(endpoint)) this.#failing.failed(endpoint, now, this.random());
  }

  /**
   * A session with an endpoint that `pick` gave has ended with neither an answer nor a refusal: some services never answer. It
   * is as well as one can know, unless another session has failed since this one began.
   *
   * @param since when the endpoint was picked, ms, monotonic.
   */
  endedSilently(endpoint: EndpointKey, since: number): void {
    this.#failing.endedSilently(endpoint, since);
  }

  /**
   * Endpoints that are set aside, and how long it is until one connection may go there, ms; 0 where it may now. Empty where
   * that would be all: then all are used.
   */
  setAside(now: number): ReadonlyMap<EndpointKey, number> {
    if (this.#failing.isEmpty) return NONE_SET_ASIDE;
    const found = this.#failing.setAside(now);
    return found.size === this.#endpoints.length ? NONE_SET_ASIDE : found;
  }

  has(endpoint: EndpointKey): boolean {
    return this.#index().has(endpoint);
  }

  get isEmpty(): boolean {
    return this.#endpoints.length === 0;
  }

  /**
   * How many clients are bound to an endpoint. What has expired is cleared away first.
   *
   * @param now ms, monotonic.
   */
  affinityClients(now: number): number {
    if (this.#affinityTimeoutMs !== null) this.#affinity.dropExpired(now, this.#affinityTimeoutMs);
    return this.#affinity.size;
  }

  /**
   * The client's bond, whether `pick` would follow it or not (the endpoint may be set aside); undefined where it has none. Does not
   * count as use.
   *
   * @param client the client's address, without its port.
   * @param now ms, monotonic.
   */
  bond(client: string, now: number): { endpoint: EndpointKey; remainingMs: number } | undefined {
    if (this.#affinityTimeoutMs === null) return undefined;
    const bond = this.#affinity.bond(client);
    if (bond === undefined) return undefined;
    const remainingMs = bond.lastUsed + this.#affinityTimeoutMs - now;
    return remainingMs > 0 ? { endpoint: bond.endpoint, remainingMs } : undefined;
  }

  /** The endpoint that the client stays with; undefined where it has none, or there is a better one. */
  #bound(
    client: string,
    now: number,
    tried: ReadonlySet<EndpointKey>,
    isSetAside: ((endpoint: EndpointKey) => boolean) | undefined,
  ): Endpoint | undefined {
    if (this.#affinityTimeoutMs === null) return undefined;
    const bound = this.#affinity.find(client, now, this.#affinityTimeoutMs);
    if (bound === undefined || tried.has(bound)) return undefined;
    const isLeft =
      isSetAside?.(bound) && this.#endpoints.some(({ key }) => !tried.has(key) && !isSetAside(key));
    return isLeft ? undefined : this.#index().get(bound);
  }

  #index(): ReadonlyMap<EndpointKey, Endpoint> {
    this.#byKey ??= new Map(this.#endpoints.map((endpoint) => [endpoint.key, endpoint]));
    return this.#byKey;
  }
}
