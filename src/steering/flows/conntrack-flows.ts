import type { CommandRunner } from '../../host/command-runner.js';
import type { Logger } from '../../host/log.js';
import type { ProgramSearch } from '../../host/program-search.js';
import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import { IP_FAMILIES, type SteeringState } from '../steering.js';
import { type FlowGroup, readConntrackDump } from './conntrack-dump.js';
import { staleFlows } from './stale-flows.js';
import {
  endedWays,
  familiesOf,
  mayDifferInUdp,
  NO_UDP_WAYS,
  sameUdpWays,
  type UdpWay,
  type UdpWayKey,
  udpWaysOf,
} from './udp-ways.js';

/** Each deletion goes through the kernel's whole table; more of them at once would only be in each other's way. */
const DELETIONS_AT_ONCE = 4;

/** What `conntrack` calls the families. */
const FAMILY_WORDS: Readonly<Record<IPFamily, string>> = { IPv4: 'ipv4', IPv6: 'ipv6' };

export interface ConntrackFlowsOptions {
  readonly runner: CommandRunner;
  readonly find: ProgramSearch;
  readonly logger: Logger;
  /** As that of `SteeringPlace`. */
  readonly localAddresses: (family: IPFamily) => readonly string[];
}

/**
 * Removes UDP flows that go where steering no longer sends them, by the program `conntrack` (conntrack(8), of
 * conntrack-tools): they would not end by themselves, for a client that goes on sending keeps its flow.
 *
 * One dump for each family finds them. They are deleted in groups (`FlowGroup`), one command each, so that the commands
 * are as many as the ways and portals that changed, however many clients there are; and exactly, because a group is
 * stale, or nothing of it.
 */
export class ConntrackFlows {
  /** What could not be removed when the ways ended. */
  #owed = new Map<UdpWayKey, UdpWay>();
  /** The last look at the flows did not come to its end. */
  #isDue = false;
  #told: string | null = null;

  constructor(private readonly options: ConntrackFlowsOptions) {}

  /**
   * Removes what is stale now that the rules are those of `after`. Runs no command where UDP is steered as before. Never
   * rejects: what fails is told once (`FLOWS_NOT_REMOVED`), and tried again at the next call.
   *
   * @param before what the rules were of; null where that is not known: then every flow is looked at, but those of ways
   *   that are gone can't be told from other programs'.
   */
  async update(before: SteeringState | null, after: SteeringState): Promise<void> {
    if (!this.#isDue && before !== null && !mayDifferInUdp(before, after)) return;
    const [old, now] = [before === null ? NO_UDP_WAYS : udpWaysOf(before), udpWaysOf(after)];
    if (!this.#isDue && sameUdpWays(old, now)) return;
    for (const [key, way] of endedWays(old, now)) this.#owed.set(key, way);
    this.#isDue = true;
    const ended = new Set(this.#owed.keys());
    const isLocal = this.#localAddressCheck();
    try {
      for (const family of familiesOf([...now.ways.values(), ...this.#owed.values()])) {
        const groups = await readConntrackDump(await this.#conntrack('-L', family, []), family);
        await this.#remove(staleFlows(groups, { ways: now, ended, isLocal }));
      }
      this.#owed.clear();
      this.#isDue = false;
      this.#told = null;
    } catch (error) {
      this.#tell(error);
    }
  }

  #localAddressCheck(): (address: string) => boolean {
    const local = new Set(IP_FAMILIES.flatMap((family) => this.options.localAddresses(family)));
    return (address) => local.has(address);
  }

  async #remove(groups: readonly FlowGroup[]): Promise<void> {
    if (groups.length === 0) return;
    const next = groups.values();
    const removeOneAfterAnother = async (): Promise<void> => {
      for (const group of next) await this.#removeGroup(group);
    };
    const removers = Array.from(
      { length: Math.min(DELETIONS_AT_ONCE, groups.length) },
      removeOneAfterAnother,
    );
    // All of them have ended before the first failure is told: nothing is left running.
    for (const outcome of await Promise.allSettled(removers))
      if (outcome.status === 'rejected') throw outcome.reason;
    const flows = groups.reduce((sum, group) => sum + group.flows, 0);
    this.options.logger.detail(2, 'stale UDP flows removed', { flows, commands: groups.length });
  }

  async #removeGroup({ family, sentTo, goesTo }: FlowGroup): Promise<void> {
    await this.#conntrack('-D', family, [
      '--orig-dst',
      sentTo.address,
      '--orig-port-dst',
      String(sentTo.port),
      '--reply-src',
      goesTo.address,
      '--reply-port-src',
      String(goesTo.port),
    ]);
  }

  /** What it printed. */
  async #conntrack(action: '-L' | '-D', family: IPFamily, filter: readonly string[]): Promise<string> {
    const { runner, find } = this.options;
    const args = [action, '-p', 'udp', '-f', FAMILY_WORDS[family], ...filter];
    // Without a path it is the runner that says that there is none.
    const program = find('conntrack') ?? 'conntrack';
    const { exitCode, stdout, stderr } = await runner.run({ program, args });
    if (exitCode === 0 || (action === '-D' && foundNothing(stderr))) return stdout;
    const words = stderr.trim() || `exit code ${exitCode}`;
    throw new KubeSpliceError('FLOWS_NOT_REMOVED', `conntrack ${action}: ${words}`);
  }

  /** Once for as long as the words are the same. */
  #tell(error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    const { code, message, remedy } = new KubeSpliceError(
      'FLOWS_NOT_REMOVED',
      `UDP clients that go on sending may reach a portal that is no longer theirs: ${words}`,
    );
    if (this.#told !== message) this.options.logger.warn(`${code}: ${message}`, { remedy });
    this.#told = message;
  }
}

/** They ended by themselves meanwhile. Its exit code is 1 then, and its last line tells how many it deleted. */
function foundNothing(stderr: string): boolean {
  return /\b0 flow entries have been deleted/.test(stderr);
}
