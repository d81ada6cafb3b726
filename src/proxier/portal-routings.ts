import type { Endpoint, EndpointKey } from '../model/endpoint.js';
import type { Protocol, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { PortalRouting, RelayEngine } from '../relay/engine.js';
import { portalName, relayNames, sameRouting, TRAFFICS, type WantedPortal } from './wanted-portals.js';

/** Those endpoints of a service port that lead back to it; undefined where none does. */
export type FindWaysBack = (
  endpoints: readonly Endpoint[],
  servicePort: ServicePortName,
  protocol: Protocol,
  state: ServiceState,
) => ReadonlySet<EndpointKey> | undefined;

/** Whether an endpoint that was said to lead back goes on being said to, whatever the ways are: as long as rules may lead there. */
export type OldMarks = 'kept' | 'dropped';

/** What the relay was told last of each open portal: where its connections go, and which endpoints lead back. Names are the relay's. */
export class PortalRoutings {
  readonly #told = new Map<ServicePortName, PortalRouting>();
  /** Service ports of whose endpoints the relay was told that some lead back. */
  readonly #marked = new Set<ServicePortName>();

  constructor(
    private readonly relay: RelayEngine,
    private readonly waysBack: FindWaysBack,
  ) {}

  /** The service ports of which the relay was told that some of their endpoints lead back. */
  get marked(): ReadonlySet<ServicePortName> {
    return this.#marked;
  }

  /** What a portal is to be opened with. */
  first(servicePort: ServicePortName, wanted: WantedPortal, state: ServiceState): PortalRouting {
    return this.#withWaysBack(servicePort, wanted, state);
  }

  /** The relay has it from now on, and was told this. */
  opened(name: ServicePortName, servicePort: ServicePortName, routing: PortalRouting): void {
    this.#told.set(name, routing);
    this.#remark(servicePort);
  }

  closed(name: ServicePortName, servicePort: ServicePortName): void {
    this.#told.delete(name);
    this.#remark(servicePort);
  }

  /** Tells the relay, where that differs from what it has. Not waited for: it never rejects, and the relay takes what it is told in order. */
  update(
    name: ServicePortName,
    servicePort: ServicePortName,
    wanted: WantedPortal,
    state: ServiceState,
    oldMarks: OldMarks,
  ): void {
    const told = this.#told.get(name);
    if (told === undefined) return;
    const still = oldMarks === 'kept' ? told.leadsBack : undefined;
    const routing = this.#withWaysBack(servicePort, wanted, state, still);
    if (sameRouting(told, routing)) return;
    this.opened(name, servicePort, routing);
    void this.relay.route(name, routing);
  }

  #withWaysBack(
    servicePort: ServicePortName,
    { protocol, routing }: WantedPortal,
    state: ServiceState,
    stillLeadsBack?: ReadonlySet<EndpointKey>,
  ): PortalRouting {
    const { endpoints } = routing;
    const found = this.waysBack(endpoints, servicePort, protocol, state);
    if (stillLeadsBack === undefined) return found === undefined ? routing : { ...routing, leadsBack: found };
    const keys = endpoints
      .map(({ key }) => key)
      .filter((key) => found?.has(key) === true || stillLeadsBack.has(key));
    return keys.length === 0 ? routing : { ...routing, leadsBack: new Set(keys) };
  }

  #remark(servicePort: ServicePortName): void {
    const isMarked = TRAFFICS.flatMap((traffic) => relayNames(portalName(servicePort, traffic))).some(
      (name) => this.#told.get(name)?.leadsBack !== undefined,
    );
    if (isMarked) this.#marked.add(servicePort);
    else this.#marked.delete(servicePort);
  }
}
