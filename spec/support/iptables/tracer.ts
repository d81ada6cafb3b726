import type { IPFamily } from '../../../src/model/address.js';
import {
  interfaceTo,
  isLocal,
  isLoopback,
  type NodeTopology,
  primaryAddress,
  sourceFor,
} from './node-topology.js';
import { isMatched, type PacketOnItsWay } from './packet-match.js';
import { NotImitated } from './refusal.js';
import type { BridgePassage, ConnectionState, Table, Target } from './rule.js';
import type { CountedRule, Ruleset } from './ruleset.js';

/** A packet that somebody sends. */
export interface Packet {
  /** One of the places of the node's topology. */
  readonly from: string;
  readonly protocol: 'tcp' | 'udp';
  readonly destination: string;
  readonly port: number;
  /** Where left out, that of the place, or what the kernel chooses. */
  readonly source?: string;
  readonly sourcePort?: number;
  /** What conntrack knows of it: `NEW` where left out. Nothing but the first packet of a flow goes through nat. */
  readonly state?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID';
  /** Whether an earlier packet of the flow was given another destination. */
  readonly wasSteered?: boolean;
  readonly mark?: number;
}

/** What becomes of a packet. */
export type Outcome =
  /** A socket of the node has it. */
  | {
      readonly outcome: 'delivered';
      readonly address: string;
      readonly port: number;
      readonly source: string;
    }
  /** It leaves the node. */
  | {
      readonly outcome: 'forwarded';
      readonly address: string;
      readonly port: number;
      readonly source: string;
    }
  | { readonly outcome: 'rejected'; readonly with: string }
  | { readonly outcome: 'dropped' };

/** A rule that a packet met, and that counted it. */
export interface Step {
  readonly table: Table;
  readonly chain: string;
  readonly rule: CountedRule;
}

const DEFAULT_SOURCE_PORT = 54_321;

/** Where a packet ends up. */
export function tracePacket(ruleset: Ruleset, packet: Packet, node: NodeTopology): Outcome {
  return followPacket(ruleset, packet, node).outcome;
}

/**
 * Follows a packet through the hooks of the kernel, in their order (`enum nf_ip_hook_priorities` of
 * `linux/netfilter_ipv4.h`): raw, connection tracking, mangle, nat of the destination, filter; nat of the source last.
 *
 * @returns where it ends up, and every rule that it met on its way.
 */
export function followPacket(
  ruleset: Ruleset,
  packet: Packet,
  node: NodeTopology,
): { readonly outcome: Outcome; readonly path: readonly Step[] } {
  const way = new Way(ruleset, packet, node);
  return { outcome: way.run(), path: way.path };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

class Way {
  readonly path: Step[] = [];
  readonly #packet: Mutable<PacketOnItsWay>;
  readonly #states: Set<ConnectionState>;
  readonly #isNew: boolean;
  readonly #family: IPFamily;

  constructor(
    private readonly ruleset: Ruleset,
    packet: Packet,
    private readonly node: NodeTopology,
  ) {
    const place = node.places[packet.from];
    if (place === undefined) throw new NotImitated(`packets from ${packet.from}`);
    this.#family = packet.destination.includes(':') ? 'IPv6' : 'IPv4';
    const source = packet.source ?? place.source?.[this.#family] ?? null;
    const chosen = source ?? (place.interface === null ? sourceFor(packet.destination, node) : null);
    if (chosen === null)
      throw new NotImitated(`${this.#family} packets from ${packet.from}, which has no address`);
    this.#isNew = (packet.state ?? 'NEW') === 'NEW';
    this.#states = new Set([packet.state ?? 'NEW']);
    if (packet.wasSteered === true) this.#states.add('DNAT');
    const passages: readonly BridgePassage[] = place.isBridged === true ? ['is-in'] : [];
    this.#packet = {
      source: chosen,
      sourcePort: packet.sourcePort ?? DEFAULT_SOURCE_PORT,
      destination: packet.destination,
      port: packet.port,
      protocol: packet.protocol,
      inInterface: place.interface,
      outInterface: null,
      states: this.#states,
      mark: packet.mark ?? 0,
      passages: new Set(passages),
    };
  }

  run(): Outcome {
    return this.#packet.inInterface === null ? this.#fromNode() : this.#fromElsewhere();
  }

  #fromElsewhere(): Outcome {
    const packet = this.#packet;
    const stopped = this.#hook('PREROUTING', ['raw', 'mangle', 'nat']);
    if (stopped !== null) return stopped;
    if (this.#isMartian()) return { outcome: 'dropped' };
    if (isLocal(packet.destination, this.node)) return this.#deliver();
    packet.outInterface = interfaceTo(packet.destination, this.node);
    return (
      this.#hook('FORWARD', ['mangle', 'filter']) ??
      this.#hook('POSTROUTING', ['mangle', 'nat']) ??
      this.#ended('forwarded')
    );
  }

  #fromNode(): Outcome {
    const packet = this.#packet;
    const wayOut = (): string =>
      isLocal(packet.destination, this.node) ? 'lo' : interfaceTo(packet.destination, this.node);
    packet.outInterface = wayOut();
    // With another destination it is routed anew, but the hook still sees the interface that it would have left by.
    const stopped = this.#hook('OUTPUT', ['raw', 'mangle', 'nat', 'filter']);
    if (stopped !== null) return stopped;
    packet.outInterface = wayOut();
    const after = this.#hook('POSTROUTING', ['mangle', 'nat']);
    if (after !== null) return after;
    if (packet.outInterface !== 'lo')
      return isLoopback(packet.source) ? { outcome: 'dropped' } : this.#ended('forwarded');
    packet.inInterface = 'lo';
    packet.outInterface = null;
    // Its destination was settled on the way out: nat does not look at it again.
    return this.#hook('PREROUTING', ['raw', 'mangle']) ?? this.#deliver();
  }

  #deliver(): Outcome {
    this.#packet.outInterface = null;
    return this.#hook('INPUT', ['mangle', 'filter']) ?? this.#ended('delivered');
  }

  #ended(outcome: 'delivered' | 'forwarded'): Outcome {
    const { destination, port, source } = this.#packet;
    return { outcome, address: destination, port, source };
  }

  /** To or from loopback, but not by way of it (`ip_route_input_slow`); IPv6 has no setting that allows it. */
  #isMartian(): boolean {
    const { inInterface, destination, source } = this.#packet;
    if (inInterface === 'lo' || (!isLoopback(destination) && !isLoopback(source))) return false;
    return this.#family === 'IPv6' || this.node.routeLocalnet !== true;
  }

  /** Null where it goes on. */
  #hook(chain: string, tables: readonly Table[]): Outcome | null {
    for (const table of tables) {
      if (table === 'nat' && !this.#isNew) continue;
      const verdict = this.#builtIn(table, chain);
      if (verdict !== null) return verdict;
    }
    return null;
  }

  #builtIn(table: Table, chain: string): Outcome | null {
    const verdict = this.#chain(table, chain);
    if (verdict === 'ACCEPT') return null;
    if (verdict !== null) return verdict;
    return this.ruleset.chains(table).get(chain)?.policy === 'DROP' ? { outcome: 'dropped' } : null;
  }

  /** Null at the end of the chain, and where it says RETURN. */
  #chain(table: Table, chain: string): 'ACCEPT' | Outcome | null {
    for (const rule of this.ruleset.chains(table).get(chain)?.rules ?? []) {
      if (!isMatched(rule.rule, this.#packet, this.node)) continue;
      this.path.push({ table, chain, rule });
      const { target } = rule.rule;
      if (target?.kind === 'RETURN') return null;
      const verdict = target === null ? null : this.#obey(target, table, chain);
      if (verdict !== null) return verdict;
      // What is gone to does not come back here.
      if (target?.kind === 'chain' && target.goto) return null;
    }
    return null;
  }

  /** Null where the next rule is asked. */
  #obey(target: Target, table: Table, chain: string): 'ACCEPT' | Outcome | null {
    const packet = this.#packet;
    switch (target.kind) {
      case 'ACCEPT':
        return 'ACCEPT';
      case 'DROP':
        return { outcome: 'dropped' };
      case 'RETURN':
        return null;
      case 'REJECT':
        return { outcome: 'rejected', with: target.with };
      case 'chain':
        return this.#chain(table, target.chain);
      case 'MARK':
        packet.mark = ((packet.mark & ~target.mask) ^ target.value) >>> 0;
        return null;
      case 'REDIRECT':
        return this.#steer(this.#redirectAddress(), target.ports?.first ?? packet.port);
      case 'DNAT':
        return this.#steer(target.address ?? packet.destination, target.ports?.first ?? packet.port);
      case 'MASQUERADE':
        return this.#masquerade(chain);
    }
  }

  /** `nf_nat_redirect_ipv4`: loopback on the way out, else the first address of the interface that it came in by. */
  #redirectAddress(): string | null {
    const { inInterface, destination, source } = this.#packet;
    if (inInterface === null) return destination.includes(':') ? '::1' : '127.0.0.1';
    return primaryAddress(inInterface, source, this.node);
  }

  #steer(address: string | null, port: number): 'ACCEPT' | Outcome {
    if (address === null) return { outcome: 'dropped' };
    const packet = this.#packet;
    // Where nothing becomes different, conntrack does not call it DNAT.
    if (address !== packet.destination || port !== packet.port) this.#states.add('DNAT');
    packet.destination = address;
    packet.port = port;
    return 'ACCEPT';
  }

  #masquerade(chain: string): 'ACCEPT' | Outcome {
    const packet = this.#packet;
    if (chain === '' || packet.outInterface === null)
      throw new NotImitated('MASQUERADE where nothing leaves');
    const address = primaryAddress(packet.outInterface, packet.destination, this.node);
    if (address === null) return { outcome: 'dropped' };
    packet.source = address;
    this.#states.add('SNAT');
    return 'ACCEPT';
  }
}
