import { isInBlock, isInCIDR } from './addresses.js';
import { isLocal, type NodeTopology } from './node-topology.js';
import { isInRange } from './ports.js';
import type {
  AddressType,
  BridgePassage,
  Condition,
  ConnectionState,
  Match,
  PortRange,
  Rule,
} from './rule.js';

/** A packet on its way, as a rule sees it. */
export interface PacketOnItsWay {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly inInterface: string | null;
  readonly outInterface: string | null;
  readonly states: ReadonlySet<ConnectionState>;
  readonly mark: number;
  readonly passages: ReadonlySet<BridgePassage>;
}

/** Whether all that a rule says of a packet is true of this one. */
export function isMatched(rule: Rule, packet: PacketOnItsWay, node: NodeTopology): boolean {
  return (
    holds(rule.source, (block) => isInBlock(packet.source, block)) &&
    holds(rule.destination, (block) => isInBlock(packet.destination, block)) &&
    holds(rule.inInterface, (name) => isInterface(packet.inInterface, name)) &&
    holds(rule.outInterface, (name) => isInterface(packet.outInterface, name)) &&
    holds(rule.protocol, (protocol) => protocol === packet.protocol) &&
    rule.matches.every((match) => isTrue(match, packet, node))
  );
}

function holds<T>(condition: Condition<T> | null, test: (value: T) => boolean): boolean {
  return condition === null || test(condition.value) !== condition.not;
}

/** `eth+` is every name that begins so. */
function isInterface(name: string | null, wanted: string): boolean {
  return wanted.endsWith('+') ? (name ?? '').startsWith(wanted.slice(0, -1)) : name === wanted;
}

function isTrue(match: Match, packet: PacketOnItsWay, node: NodeTopology): boolean {
  switch (match.kind) {
    case 'comment':
      return true;
    case 'tcp':
    case 'udp':
      return (
        match.kind === packet.protocol &&
        holds(match.source, (range) => isInRange(packet.sourcePort, range)) &&
        holds(match.destination, (range) => isInRange(packet.port, range))
      );
    case 'multiport':
      return holds(match.ports, (ranges) => isAnyPort(match.side, ranges, packet));
    case 'addrtype':
      return (
        holds(match.source, (types) => types.includes(typeOf(packet.source, node))) &&
        holds(match.destination, (types) => types.includes(typeOf(packet.destination, node)))
      );
    case 'state':
    case 'conntrack':
      return holds(match.states, (states) => states.some((state) => packet.states.has(state)));
    case 'physdev':
      return match.passages.every((passage) => holds(passage, (value) => packet.passages.has(value)));
    case 'mark':
      return holds(match.mark, ({ value, mask }) => (packet.mark & mask) >>> 0 === value);
  }
}

function isAnyPort(
  side: 'sports' | 'dports' | 'ports',
  ranges: readonly PortRange[],
  { sourcePort, port }: PacketOnItsWay,
): boolean {
  const ports = side === 'sports' ? [sourcePort] : side === 'dports' ? [port] : [sourcePort, port];
  return ports.some((each) => ranges.some((range) => isInRange(each, range)));
}

function typeOf(address: string, node: NodeTopology): AddressType {
  if (isLocal(address, node)) return 'LOCAL';
  if (isInCIDR(address, '224.0.0.0/4') || isInCIDR(address, 'ff00::/8')) return 'MULTICAST';
  return address === '255.255.255.255' ? 'BROADCAST' : 'UNICAST';
}
