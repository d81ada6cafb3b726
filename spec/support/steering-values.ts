import type { Redirect, SteeringPlace, SteeringState } from '../../src/steering/steering.js';

/** Values of steering: a spec names only what it is about. */

export function aPlace(changes: Partial<SteeringPlace> = {}): SteeringPlace {
  return {
    localAddresses: (family) => (family === 'IPv4' ? ['127.0.0.1', '172.30.0.1'] : ['::1', 'fd00:30::1']),
    nodeAddress: (family) => (family === 'IPv4' ? '172.30.0.1' : 'fd00:30::1'),
    nodePortAddresses: [],
    clusterCIDRs: [],
    ...changes,
  };
}

export function aRedirect(changes: Partial<Redirect> = {}): Redirect {
  return {
    servicePort: 'default/web:http',
    protocol: 'TCP',
    kind: 'ClusterIP',
    family: changes.address?.includes(':') ? 'IPv6' : 'IPv4',
    address: changes.kind === 'NodePort' ? null : '10.96.0.1',
    port: 80,
    sourceRanges: [],
    portal: { address: '0.0.0.0', port: 40_001 },
    verdict: 'redirect',
    fromNode: null,
    ...changes,
  };
}

/** These redirects, and the portals that they name. */
export function steeringState(...redirects: readonly Redirect[]): SteeringState {
  const portals = new Map(
    redirects.flatMap(({ protocol, portal, fromNode }) =>
      [portal, ...(fromNode === null ? [] : [fromNode.portal])].map(
        ({ address, port }) => [`${protocol} ${port}`, { protocol, address, port }] as const,
      ),
    ),
  );
  return { redirects, portals: [...portals.values()] };
}
