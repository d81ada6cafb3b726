import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../host/log.js';
import { KubeSpliceError } from '../model/errors.js';
import type { Protocol, ServicePort, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { OpenPortal, RelayEngine } from '../relay/engine.js';
import type { GuardedPortal } from '../steering/steering.js';
import { KeptPortals } from './kept-portals.js';
import { PastPorts } from './past-ports.js';
import type { PortAllocator } from './port-allocator.js';
import { type FindWaysBack, type OldMarks, PortalRoutings } from './portal-routings.js';
import { portalName, relayName, relayNames, TRAFFICS, type Traffic, wantedPortal } from './wanted-portals.js';

/** Portals opened at the same time: enough to keep the event loop busy, few enough to let others in between. */
const OPENING_AT_ONCE = 32;

/** One of the portals that a service port may have. */
interface PortalOf {
  readonly servicePort: ServicePortName;
  readonly traffic: Traffic;
}

/** One that listens. */
type Portal = OpenPortal & PortalOf & { readonly relayName: ServicePortName };

interface FailedPortal extends PortalOf {
  readonly error: KubeSpliceError;
}

/** What the portals are opened with. */
export interface PortalsOptions {
  readonly relay: RelayEngine;
  readonly ports: PortAllocator;
  readonly bindAddress: string;
  /** Where the portals of service ports with IPv6 addresses listen. */
  readonly bindAddressForIPv6: () => Promise<string>;
  readonly logger: Logger;
  readonly waysBack: FindWaysBack;
}

/**
 * The portals of the relay, held equal to a state. It alone opens and closes them. What it does takes as long as the
 * service ports that it is told of are many, however many there are beside them.
 */
export class Portals {
  readonly #open = new Map<ServicePortName, Portal>();
  /**
   * Those on IPv4 addresses alone, of which one on both families is open by now: they serve until the rules lead to that.
   * By `portalName`.
   */
  readonly #superseded = new Map<ServicePortName, Portal>();
  /** The service ports of the open portals, by protocol and port. */
  readonly #byPort = new Map<string, ServicePortName>();
  readonly #routings: PortalRoutings;
  /** Those that the relay has from an earlier run, until they are taken over or closed. */
  readonly #kept: KeptPortals;
  /** Service ports whose external traffic is about to go to the internal portal: the other one serves until it does. */
  readonly #merging = new Set<ServicePortName>();
  /** The one that was tried longest ago first. */
  readonly #failed = new Map<ServicePortName, FailedPortal>();

  /** Made when it is asked for; null where that was before a portal was opened or closed. */
  #guarded: readonly GuardedPortal[] | null = null;

  /** The ports of an earlier run: those are had again, where they can be. */
  past = new PastPorts();

  constructor(private readonly options: PortalsOptions) {
    this.#kept = new KeptPortals(options.relay, options.ports);
    this.#routings = new PortalRoutings(options.relay, options.waysBack);
  }

  /** By `portalName`. */
  get open(): ReadonlyMap<ServicePortName, OpenPortal> {
    return this.#open;
  }

  /** The sockets of the open portals: the same array (`===`) as long as no portal was opened or closed. */
  get guarded(): readonly GuardedPortal[] {
    this.#guarded ??= Array.from(this.#listening(), ({ protocol, address, port }) => ({
      protocol,
      address,
      port,
    }));
    return this.#guarded;
  }

  /** The service port that has the portal on a port. */
  servicePortOn(protocol: Protocol, port: number): ServicePortName | undefined {
    return this.#byPort.get(portKey(protocol, port)) ?? this.#kept.servicePortOn(protocol, port);
  }

  /** The portals that the relay has from an earlier run, by `portalName`; the others are opened beside them. */
  keep(): ReadonlyMap<ServicePortName, OpenPortal> {
    return this.#kept.take();
  }

  /** The service ports of which the relay was told that some of their endpoints lead back. */
  get marked(): ReadonlySet<ServicePortName> {
    return this.#routings.marked;
  }

  /** Why a portal is not open, by `portalName`. */
  get failed(): ReadonlyMap<ServicePortName, { readonly error: KubeSpliceError }> {
    return this.#failed;
  }

  /** Every service port that has a portal, or failed to get one; some twice. */
  *servicePorts(): Generator<ServicePortName, undefined> {
    for (const { servicePort } of this.#open.values()) yield servicePort;
    for (const { servicePort } of this.#failed.values()) yield servicePort;
    for (const { servicePort } of this.#kept.portals()) yield servicePort;
  }

  /** Tells the relay of endpoints and affinity, and which endpoints lead back, where that differs from what it has. */
  route(servicePorts: Iterable<ServicePortName>, state: ServiceState): void {
    for (const portal of portalsOf(servicePorts)) this.#route(portal, state, 'dropped');
  }

  /** As `route`, but no endpoint that was said to lead back is said not to: as long as rules may still lead there. */
  mark(servicePorts: Iterable<ServicePortName>, state: ServiceState): void {
    for (const portal of portalsOf(servicePorts)) this.#route(portal, state, 'kept');
  }

  /**
   * Closes what the newest state no longer holds, then opens what it holds anew. What can't be opened is in `failed`, and
   * is tried again when its service port is among these, or when a port is freed. External portals whose traffic goes to
   * the internal one from now on stay open until `closeReplaced`, and so do those that another one has taken over from.
   *
   * @param servicePorts those that may have changed; nothing else is looked at.
   * @param newest the newest state; it may change while portals are opened, and each is opened with what holds then.
   * @param stopping true where the portals that are not open yet are no longer wanted.
   * @param beforeOpening takes the ports that no portal is to get.
   * @returns the service ports whose portals may be others now.
   */
  async reconcile(
    servicePorts: ReadonlySet<ServicePortName>,
    newest: () => ServiceState,
    stopping: () => boolean,
    beforeOpening: () => Promise<void> = () => Promise.resolve(),
  ): Promise<ReadonlySet<ServicePortName>> {
    const freed = await this.#closeUnwanted(servicePorts, newest());
    await beforeOpening();
    await this.#openMissing(servicePorts, newest, stopping);
    const retried = this.#longestFailed(freed, servicePorts);
    await this.#openMissing(retried, newest, stopping);
    this.#reinstate(newest());
    return retried.size === 0 ? servicePorts : new Set([...servicePorts, ...retried]);
  }

  /** Closes the portals that nothing is steered to any more, once steering knows. Resolves with whether another one may have their port. */
  async closeReplaced(state: ServiceState): Promise<boolean> {
    const closing: Promise<void>[] = [];
    for (const servicePort of this.#merging) {
      const name = portalName(servicePort, 'external');
      if (wantedPortal(state, servicePort, 'external') !== undefined) continue;
      const portal = this.#open.get(name);
      if (portal !== undefined) closing.push(this.#closePortal(name, portal));
      else closing.push(...this.#closeKept(name));
    }
    this.#merging.clear();
    for (const name of this.#superseded.keys()) closing.push(this.#closeSuperseded(name));
    // Of those that are open, what the relay has kept beside them is of other addresses.
    for (const { servicePort, traffic } of this.#kept.portals()) {
      const name = portalName(servicePort, traffic);
      if (this.#open.has(name)) closing.push(...this.#closeKept(name));
    }
    await Promise.all(closing);
    return closing.length > 0 && this.#failed.size > 0;
  }

  /** Those that stay are routed once more. Resolves with the number of ports that are free now. */
  async #closeUnwanted(servicePorts: Iterable<ServicePortName>, state: ServiceState): Promise<number> {
    const closing: Promise<void>[] = [];
    for (const { servicePort, traffic } of portalsOf(servicePorts)) {
      const name = portalName(servicePort, traffic);
      const wanted = wantedPortal(state, servicePort, traffic);
      const portal = this.#open.get(name);
      if (wanted === undefined) this.#failed.delete(name);
      const isMerging = wanted === undefined && state.servicePorts.has(servicePort);
      if (portal === undefined) {
        if (wanted !== undefined || !relayNames(name).some((each) => this.#kept.has(each))) continue;
        if (isMerging) this.#merging.add(servicePort);
        else closing.push(...this.#closeKept(name));
      } else if (portal.protocol === wanted?.protocol) {
        this.#route({ servicePort, traffic }, state, 'dropped');
        if (await this.#listensTooNarrowly(portal, state)) this.#supersede(name, portal);
      } else if (isMerging) this.#merging.add(servicePort);
      else closing.push(this.#closePortal(name, portal));
    }
    await Promise.all(closing);
    return closing.length;
  }

  #closeKept(name: ServicePortName): readonly Promise<void>[] {
    return relayNames(name).map((each) => this.#kept.close(each));
  }

  /** Another one is to be opened in its place, while it serves. */
  #supersede(name: ServicePortName, portal: Portal): void {
    this.#open.delete(name);
    this.#superseded.set(name, portal);
  }

  /** Those whose place no other one has taken, for whatever reason, keep it. */
  #reinstate(state: ServiceState): void {
    for (const [name, portal] of this.#superseded) {
      const { servicePort, traffic, protocol } = portal;
      if (this.#open.has(name) || wantedPortal(state, servicePort, traffic)?.protocol !== protocol) continue;
      this.#superseded.delete(name);
      this.#open.set(name, portal);
    }
  }

  async #closeSuperseded(name: ServicePortName): Promise<void> {
    const portal = this.#superseded.get(name);
    this.#superseded.delete(name);
    if (portal !== undefined) await this.#stopListening(portal);
  }

  /** Those that serve until this portal can. Resolves with whether there were any: they had ports. */
  async #closeOthersOf(portal: ServicePortName): Promise<boolean> {
    const kept = relayNames(portal).filter((name) => this.#kept.has(name));
    const isAny = kept.length > 0 || this.#superseded.has(portal);
    await Promise.all([this.#closeSuperseded(portal), ...this.#closeKept(portal)]);
    return isAny;
  }

  *#listening(): Generator<Portal, undefined> {
    yield* this.#open.values();
    yield* this.#superseded.values();
  }

  /** IPv4 alone, where the service port has IPv6 addresses by now that can be steered. */
  async #listensTooNarrowly({ servicePort, address }: Portal, state: ServiceState): Promise<boolean> {
    return (
      address === '0.0.0.0' && (await this.#bindAddressFor(state.servicePorts.get(servicePort))) === '::'
    );
  }

  async #bindAddressFor(servicePort: ServicePort | undefined): Promise<string> {
    const { bindAddress, bindAddressForIPv6 } = this.options;
    return servicePort !== undefined && hasIPv6Address(servicePort) ? bindAddressForIPv6() : bindAddress;
  }

  async #openMissing(
    servicePorts: Iterable<ServicePortName>,
    newest: () => ServiceState,
    stopping: () => boolean,
  ): Promise<void> {
    const state = newest();
    const missing = [...portalsOf(servicePorts)].filter(
      ({ servicePort, traffic }) =>
        wantedPortal(state, servicePort, traffic) !== undefined &&
        !this.#open.has(portalName(servicePort, traffic)),
    );
    // Those that have a port to come back to first: where there are hardly enough, others would take it.
    const returning: PortalOf[] = [];
    const newcomers: PortalOf[] = [];
    for (const portal of missing) {
      const names = relayNames(portalName(portal.servicePort, portal.traffic));
      const isKept = names.some((each) => this.#kept.has(each));
      const port = isKept ? undefined : this.past.of(portal.servicePort, portal.traffic, state);
      (isKept || port !== undefined ? returning : newcomers).push(portal);
    }
    const next = [...returning, ...newcomers].values();
    const openOneAfterAnother = async (): Promise<void> => {
      for (const portal of next) {
        if (stopping()) return;
        await this.#openPortal(portal, newest);
        // A portal can open without a turn of the event loop: thousands of them would let nobody else in.
        await nextTurn();
      }
    };
    const openers = Math.min(OPENING_AT_ONCE, missing.length);
    await Promise.all(Array.from({ length: openers }, openOneAfterAnother));
  }

  /** As many as there are ports for now, beside those that have just been tried. */
  #longestFailed(count: number, tried: ReadonlySet<ServicePortName>): ReadonlySet<ServicePortName> {
    const found = new Set<ServicePortName>();
    for (const { servicePort } of this.#failed.values()) {
      if (found.size >= count) break;
      if (!tried.has(servicePort)) found.add(servicePort);
    }
    return found;
  }

  async #openPortal({ servicePort, traffic }: PortalOf, newest: () => ServiceState): Promise<void> {
    const { relay, ports, logger } = this.options;
    const bindAddress = await this.#bindAddressFor(newest().servicePorts.get(servicePort));
    const wanted = wantedPortal(newest(), servicePort, traffic);
    if (wanted === undefined) return;
    const portal = portalName(servicePort, traffic);
    const name = relayName(portal, bindAddress);
    const { protocol } = wanted;
    const superseded = this.#superseded.get(portal);
    if (superseded?.relayName === name) {
      // It can't be had on both families after all: the one that serves has its name, and is kept.
      if (superseded.protocol === protocol) return;
      await this.#closeSuperseded(portal);
    }
    const routing = this.#routings.first(servicePort, wanted, newest());
    const hadPort = this.#kept.giveBack(name) ?? this.past.of(servicePort, traffic, newest());
    try {
      const open = (port: number) => relay.open({ name, protocol, address: bindAddress, port, routing });
      const address = await ports.allocate(portal, open, hadPort);
      this.#open.set(portal, { servicePort, traffic, protocol, relayName: name, ...address });
      this.#byPort.set(portKey(protocol, address.port), servicePort);
      this.#guarded = null;
      this.#routings.opened(name, servicePort, routing);
      this.#kept.delete(name);
      this.#failed.delete(portal);
      logger.detail(2, 'portal opened', { servicePort: portal, protocol, ...address });
      this.route([servicePort], newest());
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      this.#kept.failed(name);
      if (error.code === 'PORT_RANGE_EXHAUSTED' && (await this.#closeOthersOf(portal))) {
        // For a moment there is none, rather than none on these addresses for ever.
        await this.#openPortal({ servicePort, traffic }, newest);
        return;
      }
      // It may be tried again often, and is told once.
      if (this.#failed.get(portal)?.error.code !== error.code) {
        logger.error(`${error.code}: ${error.message}`, { remedy: error.remedy });
      }
      this.#failed.delete(portal);
      this.#failed.set(portal, { servicePort, traffic, error });
    }
  }

  #route({ servicePort, traffic }: PortalOf, state: ServiceState, oldMarks: OldMarks): void {
    const wanted = wantedPortal(state, servicePort, traffic);
    if (wanted === undefined) return;
    const name = portalName(servicePort, traffic);
    for (const portal of [this.#open.get(name), this.#superseded.get(name)])
      if (portal !== undefined) this.#routings.update(portal.relayName, servicePort, wanted, state, oldMarks);
  }

  async #closePortal(name: ServicePortName, portal: Portal): Promise<void> {
    this.#open.delete(name);
    await this.#stopListening(portal);
  }

  async #stopListening({ relayName, servicePort, protocol, address, port }: Portal): Promise<void> {
    const { relay, ports, logger } = this.options;
    this.#byPort.delete(portKey(protocol, port));
    this.#guarded = null;
    this.#routings.closed(relayName, servicePort);
    await relay.close(relayName);
    ports.release(port);
    logger.detail(2, 'portal closed', { servicePort: relayName, protocol, address, port });
  }
}

function hasIPv6Address({ clusterIPs, externalIPs, loadBalancerIPs }: ServicePort): boolean {
  return [clusterIPs, externalIPs, loadBalancerIPs].some((addresses) =>
    addresses.some((address) => address.includes(':')),
  );
}

function portKey(protocol: Protocol, port: number): string {
  return `${protocol} ${port}`;
}

function* portalsOf(servicePorts: Iterable<ServicePortName>): Generator<PortalOf, undefined> {
  for (const servicePort of servicePorts) for (const traffic of TRAFFICS) yield { servicePort, traffic };
}
