import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import { PROBE_CHAIN } from './chains.js';
import type { IptablesCommands } from './iptables-programs.js';
import { ALL_CAPABILITIES, type Capabilities } from './rule-text.js';

/** A rule that only a packet filter with this capability takes. */
const RULES: Readonly<Record<keyof Capabilities, string>> = {
  comment: '-m comment --comment probe -j RETURN',
  addrtype: '-m addrtype --dst-type LOCAL -j RETURN',
  multiport: '-p tcp -m multiport --dports 1,2 -j RETURN',
  conntrack: '-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j RETURN',
  state: '-m state --state NEW -j RETURN',
  reject: '-p tcp -j REJECT --reject-with tcp-reset',
};

const DESTINATION: Readonly<Record<IPFamily, string>> = { IPv4: '127.0.0.1:9', IPv6: '[::1]:9' };

/**
 * Asks the kernel what it takes, by writing rules that no packet ever meets: what a program knows, its kernel may not, and
 * the other way round. All at once, and one by one only where that fails.
 *
 * @throws KubeSpliceError `STEERING_FAILED` where it cannot steer at all: no nat table, no REDIRECT or DNAT, no permission.
 */
export async function probe(commands: IptablesCommands, family: IPFamily): Promise<Capabilities> {
  const steering = [
    '-p tcp -j REDIRECT --to-ports 9',
    `-p tcp -j DNAT --to-destination ${DESTINATION[family]}`,
  ];
  await tryRules(commands, 'nat', steering);
  const names = Object.keys(RULES).filter((name): name is keyof Capabilities => name in ALL_CAPABILITIES);
  if (await takes(commands, Object.values(RULES))) return ALL_CAPABILITIES;
  const has = { ...ALL_CAPABILITIES };
  for (const name of names) has[name] = await takes(commands, [RULES[name]]);
  return has;
}

async function takes(commands: IptablesCommands, rules: readonly string[]): Promise<boolean> {
  try {
    await tryRules(commands, 'filter', rules);
    return true;
  } catch (error) {
    if (error instanceof KubeSpliceError && !isLockHeld(error.message)) return false;
    throw error;
  }
}

async function tryRules(commands: IptablesCommands, table: string, rules: readonly string[]): Promise<void> {
  const lines = rules.map((rule) => `-A ${PROBE_CHAIN} ${rule}`);
  try {
    await commands.restore(transaction(table, [`:${PROBE_CHAIN} - [0:0]`, ...lines]));
  } finally {
    // What could not be written has left no chain behind.
    await commands
      .restore(transaction(table, [`:${PROBE_CHAIN} - [0:0]`, `-X ${PROBE_CHAIN}`]))
      .catch(() => undefined);
  }
}

/** What iptables-restore reads for one table. */
export function transaction(table: string, lines: readonly string[]): string {
  return `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
}

/** In the words of every release: another program holds the lock, and may let go of it. */
export function isLockHeld(words: string): boolean {
  return words.includes('holding the xtables lock');
}
