import { type Address, cidrsOfFamily, parseAddress, parseCIDR } from '../../model/address.js';
import { holds } from '../../model/cidr-difference.js';
import { KubeSpliceError } from '../../model/errors.js';
import { quoted } from '../../model/printable.js';
import type { ServicePortName } from '../../model/service-port.js';
import { portalName, relayNames, TRAFFICS, type Traffic } from '../../proxier/wanted-portals.js';
import type { AffinityBinding, RelayEngine } from '../../relay/engine.js';
import type { Redirect } from '../../steering/steering.js';

/** What ClientIP affinity holds for one client. Part of the answer of `/v1/explain`; times are RFC 3339. */
export interface ClientStatus {
  /** In canonical text. */
  readonly address: string;
  /** One for each portal that holds an endpoint for it. */
  readonly bindings: readonly ClientBinding[];
}

export interface ClientBinding {
  /** The portal's: `external` where traffic from outside has one of its own. */
  readonly traffic: Traffic;
  /** `address:port`. */
  readonly endpoint: string;
  /** When it ends, unless the client connects again. */
  readonly until: string;
}

/** What becomes of a client at a way in, before the portal; null where nobody asked about one. */
export type ClientAdmission = 'let-in' | 'kept-out' | 'other-family';

/** What the relay holds for a client, by its names of the portals. */
export type BindingsOfPortals = ReadonlyMap<ServicePortName, AffinityBinding>;

/** @throws KubeSpliceError `CLIENT_ADDRESS_INVALID` where it is no IP address. */
export function clientAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new KubeSpliceError('CLIENT_ADDRESS_INVALID', `the client ${quoted(text)} is not an IP address`);
}

/** Asks the relay what it holds for a client at every portal that these service ports may have. */
export async function bindingsOf(
  engine: Pick<RelayEngine, 'affinity'>,
  names: ReadonlySet<ServicePortName>,
  client: Address,
): Promise<BindingsOfPortals> {
  const portals = [...names].flatMap((name) =>
    TRAFFICS.flatMap((traffic) => relayNames(portalName(name, traffic))),
  );
  const held = await Promise.all(
    portals.map(async (portal) => [portal, await engine.affinity(portal, client.address)] as const),
  );
  return new Map(held.flatMap(([portal, binding]) => (binding === null ? [] : [[portal, binding] as const])));
}

/** @param now ms since the epoch. */
export function clientStatus(
  name: ServicePortName,
  client: Address,
  bindings: BindingsOfPortals,
  now: number,
): ClientStatus {
  return {
    address: client.address,
    bindings: TRAFFICS.flatMap((traffic) =>
      relayNames(portalName(name, traffic))
        .flatMap((portal) => bindings.get(portal) ?? [])
        .map(({ endpoint, remainingMs }) => ({
          traffic,
          endpoint,
          until: new Date(now + remainingMs).toISOString(),
        })),
    ),
  };
}

/** Whether a client that is not this node itself may come in this way, as the source ranges have it. */
export function admission(
  { family, sourceRanges }: Pick<Redirect, 'family' | 'sourceRanges'>,
  client: Address,
): ClientAdmission {
  if (client.family !== family) return 'other-family';
  if (sourceRanges.length === 0) return 'let-in';
  const own = parseCIDR(`${client.address}/${client.family === 'IPv4' ? 32 : 128}`);
  const isInside =
    own !== undefined && cidrsOfFamily(sourceRanges, family).some((range) => holds(range, own));
  return isInside ? 'let-in' : 'kept-out';
}
