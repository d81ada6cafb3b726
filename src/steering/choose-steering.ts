import type { ProxyConfig } from '../config/proxy-config.js';
import type { CommandRunner } from '../host/command-runner.js';
import type { Logger } from '../host/log.js';
import type { ProgramSearch } from '../host/program-search.js';
import { KubeSpliceError } from '../model/errors.js';
import { ConntrackFlows } from './flows/conntrack-flows.js';
import { IptablesRules } from './iptables/iptables-rules.js';
import { isLockHeld } from './iptables/probe.js';
import { NftablesRules } from './nftables/nftables-rules.js';
import { NoSteering } from './none.js';
import { PacketSteering } from './packet-steering.js';
import type { PacketRules, Steering, SteeringPlace } from './steering.js';

export interface ChosenSteering {
  readonly steering: Steering;
  readonly reason: string;
  /** `STEERING_UNAVAILABLE` where there is less than was asked for; null where there is not. */
  readonly warning: KubeSpliceError | null;
}

/** What steering is made of on this host. */
export interface SteeringHost {
  readonly runner: CommandRunner;
  readonly find: ProgramSearch;
  readonly place: SteeringPlace;
  readonly logger: Logger;
}

type Kind = PacketRules['kind'];

/** In the order in which `auto` tries them. */
const KINDS: readonly Kind[] = ['iptables', 'nftables'];

/**
 * The steering that `--steering` asks for, and why it is that one. `auto` takes iptables where it works, else nftables,
 * else none. One that is named is taken whether it works by now or not: what is missing is told at each sync, and may come.
 */
export async function chooseSteering(
  asked: ProxyConfig['steering'],
  host: SteeringHost,
): Promise<ChosenSteering> {
  if (asked === 'none') return { steering: new NoSteering(), reason: '--steering=none', warning: null };
  const reasons: string[] = [];
  for (const kind of asked === 'auto' ? KINDS : [asked]) {
    const rules = packetRules(kind, host);
    const whyNot = await rules.whyNot('IPv4');
    if (whyNot === null || isLockHeld(whyNot) || asked !== 'auto') {
      const works = whyNot === null ? `${rules.description} works` : `it does not work yet: ${whyNot}`;
      const others = reasons.length === 0 ? '' : `; ${reasons.join('; ')}`;
      return {
        steering: steeringWith(rules, host),
        reason: `--steering=${asked}: ${works}${others}`,
        warning: null,
      };
    }
    reasons.push(`${kind}: ${whyNot}`);
  }
  const reason = `--steering=auto: no packet rules can be written: ${reasons.join('; ')}`;
  return {
    steering: new NoSteering(),
    reason,
    warning: new KubeSpliceError(
      'STEERING_UNAVAILABLE',
      `${reason}. Portals work, and clients may connect to them; ClusterIPs, NodePorts, external and load-balancer IPs lead nowhere`,
    ),
  };
}

/**
 * Removes every rule that any steering ever makes, whichever is in use.
 *
 * @throws KubeSpliceError `STEERING_FAILED` for the first that could not be removed, after the others were.
 */
export async function removeAllRules(host: SteeringHost): Promise<void> {
  const failures: unknown[] = [];
  for (const rules of packetRulesToRemove(KINDS, host))
    await rules.remove().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

function packetRules(kind: Kind, { runner, find, place }: SteeringHost): PacketRules {
  return kind === 'iptables'
    ? new IptablesRules({ runner, find }, place)
    : // Without a path it is the runner that says that there is none.
      new NftablesRules({ runner, place, program: find('nft') ?? 'nft' });
}

/** Whoever has no nft has no table of its own to remove. */
function packetRulesToRemove(kinds: readonly Kind[], host: SteeringHost): readonly PacketRules[] {
  const there = kinds.filter((kind) => kind !== 'nftables' || host.find('nft') !== null);
  return there.map((kind) => packetRules(kind, host));
}

function steeringWith(rules: PacketRules, host: SteeringHost): Steering {
  const { runner, find, logger, place } = host;
  const others = KINDS.filter((kind) => kind !== rules.kind);
  const flows = new ConntrackFlows({ runner, find, logger, localAddresses: place.localAddresses });
  return new PacketSteering(rules, flows, packetRulesToRemove(others, host));
}
