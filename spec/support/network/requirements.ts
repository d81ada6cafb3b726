import { spawnSync } from 'node:child_process';

/** What makes and looks at the networks of the specs. */
const PROGRAMS = ['ip', 'unshare', 'setpriv', 'flock', 'curl', 'conntrack'] as const;

/** Programs that a filter is run with, in /usr/sbin as Debian has them. */
const PROGRAMS_OF_FILTER = {
  'iptables-legacy': ['iptables-legacy-restore', 'ip6tables-legacy-restore'],
  'iptables-nft': ['iptables-nft-restore', 'ip6tables-nft-restore'],
  nftables: ['nft'],
} as const;

/** The packet filters that steering is tried on, each of them real. */
export type FilterName = keyof typeof PROGRAMS_OF_FILTER;

export const FILTER_NAMES = Object.keys(PROGRAMS_OF_FILTER) as readonly FilterName[];

/**
 * What this host lacks for a network with this filter, as the end of a describe block's name; empty where it lacks
 * nothing. Network namespaces need root: `unshare` is tried, because a container may have root without the capability.
 */
export function missingFor(filter: FilterName): string {
  const programs = [...PROGRAMS, ...PROGRAMS_OF_FILTER[filter]].filter((program) => !isInstalled(program));
  const mayUnshare = spawnSync('unshare', ['--net', 'true']).status === 0;
  const missing = [...(mayUnshare ? [] : ['root with CAP_SYS_ADMIN and CAP_NET_ADMIN']), ...programs];
  return missing.length === 0 ? '' : ` (SKIPPED: needs ${missing.join(', ')})`;
}

function isInstalled(program: string): boolean {
  const path = `/usr/local/sbin:/usr/sbin:/sbin:${process.env.PATH ?? ''}`;
  return spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], { env: { PATH: path } }).status === 0;
}
