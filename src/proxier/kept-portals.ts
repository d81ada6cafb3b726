import type { Protocol, ServicePortName } from '../model/service-port.js';
import type { OpenPortal, RelayEngine } from '../relay/engine.js';
import type { PortAllocator } from './port-allocator.js';
import { portalName, portalOfName } from './wanted-portals.js';

/** One that listens still, whose port is nobody else's: `isHeld` where the allocator would have given it out. */
type KeptPortal = OpenPortal & { readonly isHeld: boolean };

/**
 * The portals that a relay kept which has outlived the process before this one:
 *
 *     kept ──▶ open     its service port is there: it is opened with the same port, and clients notice nothing
 *       └────▶ closed   no service port claims it, once there is a state
 *
 * They keep their ports until then. Names are those that the relay knows them by.
 */
export class KeptPortals {
  readonly #kept = new Map<ServicePortName, KeptPortal>();
  readonly #byPort = new Map<string, ServicePortName>();

  constructor(
    private readonly relay: RelayEngine,
    private readonly ports: PortAllocator,
  ) {}

  /** Those that the relay has now, by `portalName`; before any is opened. */
  take(): ReadonlyMap<ServicePortName, OpenPortal> {
    const portals = this.relay.portals();
    const taken = new Map<ServicePortName, OpenPortal>();
    if (portals.size === 0) return taken;
    const held = new Set(this.ports.hold(new Set(Array.from(portals.values(), ({ port }) => port))));
    // One port may be two portals', of TCP and UDP, where the kernel chose it: the allocator holds it for the first.
    for (const [name, portal] of portals) {
      this.#kept.set(name, { ...portal, isHeld: held.delete(portal.port) });
      const { servicePort, traffic } = portalOfName(name);
      this.#byPort.set(portKey(portal.protocol, portal.port), servicePort);
      taken.set(portalName(servicePort, traffic), portal);
    }
    return taken;
  }

  has(name: ServicePortName): boolean {
    return this.#kept.has(name);
  }

  /** What those are for that are left; maybe some twice. */
  *portals(): Generator<ReturnType<typeof portalOfName>, undefined> {
    for (const name of this.#kept.keys()) yield portalOfName(name);
  }

  /** The service port whose portal is on a port. */
  servicePortOn(protocol: Protocol, port: number): ServicePortName | undefined {
    return this.#byPort.get(portKey(protocol, port));
  }

  /** Lets the allocator have the port of a portal that is about to be opened; undefined where it can't be had. */
  giveBack(name: ServicePortName): number | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined || !kept.isHeld) return undefined;
    this.#kept.set(name, { ...kept, isHeld: false });
    this.ports.release(kept.port);
    return kept.port;
  }

  /** It is none of these any more: open, or closed. */
  delete(name: ServicePortName): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#byPort.delete(portKey(kept.protocol, kept.port));
  }

  /** It could not be opened: where the relay still has it, its port is kept for it. */
  failed(name: ServicePortName): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    if (!this.relay.portals().has(name)) this.delete(name);
    else this.#kept.set(name, { ...kept, isHeld: this.ports.hold(new Set([kept.port])).size > 0 });
  }

  async close(name: ServicePortName): Promise<void> {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.delete(name);
    await this.relay.close(name);
    if (kept.isHeld) this.ports.release(kept.port);
  }
}

function portKey(protocol: Protocol, port: number): string {
  return `${protocol} ${port}`;
}
