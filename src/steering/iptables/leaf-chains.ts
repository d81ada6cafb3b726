import type { IPFamily } from '../../model/address.js';
import { type Capabilities, commentText } from './rule-text.js';

/**
 * The chains of portals, where they are long, have their rules in 64 leaves, by the last six bits of the destination:
 *
 *     KUBE-PORTALS-HOST ──┬─ -d 0.0.0.0/0.0.0.63 ──▶ KUBE-PORTALS-HOST-00
 *                         ├─ -d 0.0.0.1/0.0.0.63 ──▶ KUBE-PORTALS-HOST-01
 *                         └─ …                       …
 *
 * A new connection is compared with 64 rules and those of one leaf, rather than with all; and to change one rule, which
 * takes iptables-nft a look at each of its chain, costs as much less.
 */
export const LEAF_COUNT = 64;

const DIVIDED = ['KUBE-PORTALS-CONTAINER', 'KUBE-PORTALS-HOST'] as const;
export type DividedChain = (typeof DIVIDED)[number];

const LEAF_NAME = /^KUBE-PORTALS-(?:CONTAINER|HOST)-[0-3][0-9A-F]$/;

/** All leaves, whatever rules they have. */
export const LEAF_CHAINS: readonly string[] = DIVIDED.flatMap((chain) =>
  Array.from({ length: LEAF_COUNT }, (_, leaf) => leafName(chain, leaf)),
);

export function isLeafChain(name: string): boolean {
  return LEAF_NAME.test(name);
}

export function isDivided(chain: string): chain is DividedChain {
  return DIVIDED.some((divided) => divided === chain);
}

/** The rules of a divided chain: one for each leaf. */
export function rulesToLeaves(chain: DividedChain, family: IPFamily, has: Capabilities): readonly string[] {
  const comment = commentText('by the last six bits of the address', has);
  return Array.from(
    { length: LEAF_COUNT },
    (_, leaf) => `-A ${chain} -d ${leafMask(leaf, family)}${comment} -j ${leafName(chain, leaf)}`,
  );
}

/** The leaf that a rule of a divided chain belongs to, and its text there. */
export function inLeaf(chain: DividedChain, rule: string): readonly [string, string] {
  const destination = / -d ([^/ ]+)/.exec(rule)?.[1] ?? '';
  const leaf = leafName(chain, lastBits(destination));
  return [leaf, `-A ${leaf}${rule.slice(`-A ${chain}`.length)}`];
}

function leafName(chain: DividedChain, leaf: number): string {
  return `${chain}-${leaf.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Masks need not be of leading bits: iptables(8), `--destination`. */
function leafMask(leaf: number, family: IPFamily): string {
  const mask = LEAF_COUNT - 1;
  if (family === 'IPv4') return `0.0.0.${leaf}/0.0.0.${mask}`;
  return `::${leaf === 0 ? '' : leaf.toString(16)}/::${mask.toString(16)}`;
}

/** Of an address in canonical text: its last part is decimal behind a dot, hexadecimal behind a colon. */
function lastBits(address: string): number {
  const dot = address.lastIndexOf('.');
  const last =
    dot === -1
      ? Number.parseInt(address.slice(address.lastIndexOf(':') + 1) || '0', 16)
      : Number(address.slice(dot + 1));
  return last % LEAF_COUNT;
}
