import type {
  GuardedPortal,
  Redirect,
  SteeringPlace,
  SteeringState,
} from '../../../src/steering/steering.js';
import { namespaceOf, serviceNameOf } from '../cluster-content.js';
import { NODE_ADDRESS } from './namespace.js';

/** Services of one TCP port and one ClusterIP each, which have endpoints: what packet rules are made from. */

const BIND_ADDRESS = '0.0.0.0';
const PORT = 80;
const OTHER_PORT = 8080;

const FIRST_PORTAL_PORT = 10_000;
const PORTAL_PORTS = 50_000;
/** Without a factor in common with the number of ports: every port once, in no order that a rule could profit from. */
const PORTAL_STEP = 7_919;

/** The node that the rules are for, as the namespaces of the bench are set up. */
export const STEERED_NODE: SteeringPlace = {
  localAddresses: (family) => (family === 'IPv4' ? ['127.0.0.1', NODE_ADDRESS] : ['::1']),
  nodeAddress: (family) => (family === 'IPv4' ? NODE_ADDRESS : null),
  nodePortAddresses: [],
  clusterCIDRs: ['10.0.0.0/8'],
};

/** What may happen to one Service, in an order in which one after another makes of a Service what it was. */
export const CHANGE_KINDS = [
  'endpoints gone',
  'endpoints again',
  'port changed',
  'Service removed',
  'Service added',
] as const;

export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** The state that these Services are steered by. Another state made of it has the same objects where it is the same. */
export function steeredServices(count: number): SteeringState {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return { redirects: numbers.map(redirectOf), portals: numbers.map(portalOf) };
}

/** The state after one change. @throws RangeError where there is no such Service that it could happen to. */
export function changedState(state: SteeringState, kind: ChangeKind, number: number): SteeringState {
  const { redirects, portals } = state;
  if (kind === 'Service added')
    return { redirects: [...redirects, redirectOf(number)], portals: [...portals, portalOf(number)] };
  const { servicePort, portal } = redirectOf(number);
  const index = redirects.findIndex((redirect) => redirect.servicePort === servicePort);
  const redirect = redirects[index];
  if (redirect === undefined) throw new RangeError(`there is no ${servicePort}`);
  const other = (changes: Partial<Redirect>): SteeringState => ({
    redirects: redirects.with(index, { ...redirect, ...changes }),
    portals,
  });
  switch (kind) {
    case 'endpoints gone':
      return other({ verdict: 'reject' });
    case 'endpoints again':
      return other({ verdict: 'redirect' });
    case 'port changed':
      return other({ port: OTHER_PORT });
    case 'Service removed':
      return {
        redirects: redirects.toSpliced(index, 1),
        portals: portals.filter(({ port }) => port !== portal.port),
      };
  }
}

/** The Services that change, by number: so many among all, in an even distance from each other. */
export function changingServices(services: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * services) / count));
}

function redirectOf(number: number): Redirect {
  return {
    servicePort: `${namespaceOf(number)}/${serviceNameOf(number)}:http`,
    protocol: 'TCP',
    kind: 'ClusterIP',
    family: 'IPv4',
    address: `10.96.${(number + 1) >> 8}.${(number + 1) & 255}`,
    port: PORT,
    sourceRanges: [],
    fromNode: null,
    portal: { address: BIND_ADDRESS, port: portalPort(number) },
    verdict: 'redirect',
  };
}

function portalOf(number: number): GuardedPortal {
  return { protocol: 'TCP', address: BIND_ADDRESS, port: portalPort(number) };
}

function portalPort(number: number): number {
  return FIRST_PORTAL_PORT + ((number * PORTAL_STEP) % PORTAL_PORTS);
}
