import { type CIDR, cidrsOfFamily, type IPFamily, isLoopback } from '../../model/address.js';
import { holds } from '../../model/cidr-difference.js';
import type { SteeringPlace } from '../steering.js';
import { FAMILY_WORDS, type FamilyWords, PROTOCOL_NUMBERS } from './family-words.js';

/** Sets and maps that hold what differs from one state to the next. */
export const SET_NAMES = [
  'services',
  'node-ports',
  'own-services',
  'own-node-ports',
  'limited',
  'refused',
  'refused-ports',
  'portals',
] as const;
export type SetName = (typeof SET_NAMES)[number];

/** Where `refused` sends what is refused at once; a packet that is to be dropped is dropped by the map itself. */
export const REFUSE_AT_ONCE = 'refuse-at-once';

/**
 * A table without its elements: the lines of each block, by `map NAME`, `set NAME` or `chain NAME`. They are as nft 1.0
 * prints them with `-nn`, so that what is read can be compared with what was written.
 */
export type TableOutline = ReadonlyMap<string, readonly string[]>;

/** What the outline depends on: nothing that changes with a Service. */
export interface OutlineContext {
  readonly family: IPFamily;
  readonly place: SteeringPlace;
  /** Where the portals listen that are steered to; `all` for every address of the node. */
  readonly portalAddress: string | 'all';
  /** Whether the kernel can look up what is an address of the node (`fib`, 4.10). */
  readonly hasFib: boolean;
}

const ESTABLISHED_OR_RELATED = 'ct state 0x2,0x4';
const NEW = 'ct state 0x8';
const DNATED = 'ct status 0x20';
const TO_LOCAL_ADDRESS = 'fib daddr type 2';

/**
 * Which way a packet goes:
 *
 *     nat     prerouting ──▶ limited (source ranges) ──▶ steer-own, where it is of a pod ──▶ steer
 *             output ──────────────────────────────────▶ steer-own ──▶ steer
 *             input, postrouting: empty; before 4.18 a kernel translates replies only where there are such chains
 *     filter  input ───▶ steered: nothing more ──▶ portals (the guard) ──▶ refuse
 *             forward, output ──▶ refuse
 *
 * The guard looks at every datagram, not at the first of a flow alone: whoever got through while there was no table would
 * stay for as long as it never pauses. No other program can have the port of a UDP portal at the portal's address; an
 * established TCP connection may be that of one that had the port before.
 *
 * `steer-own` knows the Services that traffic of this node and its pods has another portal for. Each of them is a look-up
 * in a map, whatever the number of Services.
 */
export function tableOutline(context: OutlineContext): TableOutline {
  const { family, place, portalAddress } = context;
  const words = FAMILY_WORDS[family];
  const [pods] = cidrsOfFamily(place.clusterCIDRs, family);
  // What comes from elsewhere and goes to loopback is dropped by the kernel, unless `route_localnet` opens all of it.
  const steersOthers = !isLoopback(portalAddress);
  const toPortals = portalAddress === 'all' ? '' : `${words.destination} ${portalAddress} `;
  const ofPods = pods === undefined ? [] : [`${matching(words.source, pods)}jump steer-own`];
  return new Map([
    ...setDeclarations(words),
    ['chain steer', [...steering('services', context), ...toNodePorts('steer-ports', context)]],
    ['chain steer-ports', steering('node-ports', context)],
    ['chain steer-own', [...steering('own-services', context), ...toNodePorts('steer-own-ports', context)]],
    ['chain steer-own-ports', steering('own-node-ports', context)],
    [
      'chain nat-prerouting',
      [
        hook('nat', 'prerouting', -100),
        ...lookUps('limited', words),
        ...(steersOthers ? [...ofPods, 'jump steer'] : []),
      ],
    ],
    ['chain nat-input', [hook('nat', 'input', 100)]],
    ['chain nat-output', [hook('nat', 'output', -100), 'jump steer-own', 'jump steer']],
    ['chain nat-postrouting', [hook('nat', 'postrouting', 100)]],
    ['chain refuse', [...lookUps('refused', words), ...toNodePorts('refuse-ports', context)]],
    ['chain refuse-ports', portLookUps('refused-ports')],
    // Without a word nft rejects by ICMP, port unreachable.
    [`chain ${REFUSE_AT_ONCE}`, ['reject with tcp reset', 'reject']],
    [
      'chain filter-input',
      [
        hook('filter', 'input', -10),
        `${DNATED} accept`,
        'iifname "lo" accept',
        `${toPortals}meta l4proto . udp dport @portals counter drop`,
        `${ESTABLISHED_OR_RELATED} accept`,
        `${toPortals}meta l4proto . tcp dport @portals counter reject with tcp reset`,
        `${NEW} jump refuse`,
      ],
    ],
    ['chain filter-forward', [hook('filter', 'forward', -10), `${DNATED} accept`, `${NEW} jump refuse`]],
    ['chain filter-output', [hook('filter', 'output', -10), `${DNATED} accept`, `${NEW} jump refuse`]],
  ]);
}

/** `ip saddr 10.0.0.0/8 `, as nft prints it: nothing for every address, and no prefix length for one. */
export function matching(field: string, { cidr, address, prefixLength, family }: CIDR): string {
  if (prefixLength === 0) return '';
  return `${field} ${prefixLength === (family === 'IPv4' ? 32 : 128) ? address : cidr} `;
}

function setDeclarations({ addressType }: FamilyWords): readonly [string, readonly string[]][] {
  const socket = `inet_proto . ${addressType} . inet_service`;
  const port = 'inet_proto . inet_service';
  const types: Readonly<Record<SetName, string>> = {
    services: `${socket} : inet_service`,
    'node-ports': `${port} : inet_service`,
    'own-services': `${socket} : inet_service`,
    'own-node-ports': `${port} : inet_service`,
    limited: `${socket} : verdict`,
    refused: `${socket} : verdict`,
    'refused-ports': `${port} : verdict`,
    portals: port,
  };
  return SET_NAMES.map((name) => [
    `${types[name].includes(' : ') ? 'map' : 'set'} ${name}`,
    [`type ${types[name]}`],
  ]);
}

function hook(type: 'nat' | 'filter', name: string, priority: number): string {
  return `type ${type} hook ${name} priority ${priority}; policy accept;`;
}

function lookUps(map: SetName, { destination }: FamilyWords): readonly string[] {
  return ['tcp', 'udp'].map((name) => `meta l4proto . ${destination} . ${name} dport vmap @${map}`);
}

function portLookUps(map: SetName): readonly string[] {
  return ['tcp', 'udp'].map((name) => `meta l4proto . ${name} dport vmap @${map}`);
}

/**
 * To the address of the node rather than of the interface that a packet came in by (`redirect`), which may have none:
 * so it is with those of Calico.
 */
function steering(map: SetName, { family, place, portalAddress }: OutlineContext): readonly string[] {
  const { destination } = FAMILY_WORDS[family];
  const address = portalAddress === 'all' ? place.nodeAddress(family) : portalAddress;
  const host = address?.includes(':') ? `[${address}]` : address;
  const translation = host === null || host === undefined ? 'redirect to ' : `dnat to ${host}`;
  const key = map.endsWith('node-ports') ? 'meta l4proto . ' : `meta l4proto . ${destination} . `;
  return [
    `meta l4proto ${PROTOCOL_NUMBERS.TCP} ${translation}:${key}tcp dport map @${map}`,
    `meta l4proto ${PROTOCOL_NUMBERS.UDP} ${translation}:${key}udp dport map @${map}`,
  ];
}

/** Rules that lead packets on which are for an address of the node that NodePorts are on. */
function toNodePorts(chain: string, { family, place, hasFib }: OutlineContext): readonly string[] {
  const { destination } = FAMILY_WORDS[family];
  const cidrs = cidrsOfFamily(place.nodePortAddresses, family);
  // Given for the other family only: there are none in this one.
  if (cidrs.length === 0 && place.nodePortAddresses.length > 0) return [];
  const everywhere = cidrs.length === 0 || cidrs.some(({ prefixLength }) => prefixLength === 0);
  if (hasFib) {
    if (everywhere) return [`${TO_LOCAL_ADDRESS} jump ${chain}`];
    return cidrs.map((cidr) => `${matching(destination, cidr)}${TO_LOCAL_ADDRESS} jump ${chain}`);
  }
  const length = family === 'IPv4' ? 32 : 128;
  return cidrsOfFamily(
    place.localAddresses(family).map((address) => `${address}/${length}`),
    family,
  )
    .filter((local) => everywhere || cidrs.some((cidr) => holds(cidr, local)))
    .map((local) => `${matching(destination, local)}jump ${chain}`);
}
