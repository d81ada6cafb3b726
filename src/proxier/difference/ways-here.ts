import { hostPort } from '../../model/endpoint.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ServiceState } from '../../model/service-state.js';
import type { PortalAddress } from '../../relay/engine.js';
import { settleConflicts } from '../../steering/conflicts.js';
import { type ServedWay, wayKey } from '../../steering/kube-proxy-rules/served-way.js';
import type { Redirect, Verdict } from '../../steering/steering.js';
import { externalWays, redirectsOf, type WayIn } from '../redirects.js';
import { portalName, TRAFFICS, type Traffic, wantedPortal } from '../wanted-portals.js';

/** What kube-splice does with what comes from outside of the node, in the words in which kube-proxy's rules are read. */
export interface WaysHere {
  readonly ways: readonly ServedWay[];
  /** By `wayKey`: those that need no rule, for an endpoint itself is where clients send to. */
  readonly withoutRule: ReadonlySet<string>;
  /** Service ports that had to give way to others, a sentence each. */
  readonly conflicts: readonly string[];
}

/** Where its portals are makes no difference. */
const SOME_PORTAL: PortalAddress = { address: '0.0.0.0', port: 1 };

const OUTCOMES = {
  redirect: 'served',
  reject: 'rejected',
  drop: 'dropped',
} as const satisfies Record<Verdict, ServedWay['outcome']>;

/** What would be steered, and where to, if every portal of this state was open. */
export function waysHere(state: ServiceState): WaysHere {
  const names = [...state.servicePorts.keys()];
  const { redirects, conflicts } = settleConflicts(
    names.flatMap((name) => redirectsOf(name, state, portalsOf(name, state))),
  );
  const direct = names.flatMap((name) => directWays(name, state, redirects));
  return {
    ways: [...redirects.map((redirect) => wayOf(redirect, state)), ...direct],
    withoutRule: new Set(direct.map(wayKey)),
    conflicts: conflicts.map(({ message }) => message),
  };
}

function portalsOf(name: ServicePortName, state: ServiceState): ReadonlyMap<ServicePortName, PortalAddress> {
  return new Map(
    TRAFFICS.filter((traffic) => wantedPortal(state, name, traffic) !== undefined).map((traffic) => [
      portalName(name, traffic),
      SOME_PORTAL,
    ]),
  );
}

function wayOf(redirect: Redirect, state: ServiceState): ServedWay {
  const { servicePort, verdict, sourceRanges, ...place } = redirect;
  const { kind, protocol, family, address, port } = place;
  const traffic: Traffic =
    kind !== 'ClusterIP' && state.externalEndpoints.has(servicePort) ? 'external' : 'internal';
  const routing = wantedPortal(state, servicePort, traffic)?.routing;
  const isServed = verdict === 'redirect' && routing !== undefined;
  return {
    servicePort,
    kind,
    protocol,
    family,
    address,
    port,
    outcome: OUTCOMES[verdict],
    endpoints: isServed ? routing.endpoints.map(({ key }) => key).toSorted() : null,
    affinitySeconds: isServed ? affinityOf(routing.sessionAffinity) : null,
    sourceRanges: sourceRanges.toSorted(),
  };
}

function affinityOf(affinity: { type: 'None' } | { type: 'ClientIP'; timeoutSeconds: number }): number {
  return affinity.type === 'None' ? 0 : affinity.timeoutSeconds;
}

/** Those that nothing is steered from, because an endpoint itself is there: it gets what is sent to it, and no other one does. */
function directWays(
  name: ServicePortName,
  state: ServiceState,
  redirects: readonly Redirect[],
): readonly ServedWay[] {
  const servicePort = state.servicePorts.get(name);
  if (servicePort === undefined) return [];
  const endpoints = state.endpoints.get(name) ?? [];
  const isAt = ({ address, port }: WayIn): boolean =>
    endpoints.some((endpoint) => endpoint.address === address && endpoint.port === port);
  const isSteered = (way: ServedWay): boolean =>
    redirects.some((redirect) => wayKey(redirect) === wayKey(way));
  return externalWays(servicePort, true)
    .filter((way) => way.sourceRanges.length === 0 && isAt(way))
    .map(
      ({ kind, family, address, port, sourceRanges }): ServedWay => ({
        servicePort: name,
        kind,
        protocol: servicePort.protocol,
        family,
        address,
        port,
        outcome: 'served',
        endpoints: address === null ? [] : [hostPort(address, port)],
        affinitySeconds: affinityOf(servicePort.sessionAffinity),
        sourceRanges,
      }),
    )
    .filter((way) => !isSteered(way));
}
