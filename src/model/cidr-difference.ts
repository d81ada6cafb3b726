import { collapseIPv6Number, IPv4, IPv6 } from 'ip-num';
import type { CIDR } from './address.js';

/**
 * What is left of a block when another one is taken out of it, as blocks: the block itself where they have nothing in
 * common, nothing where the other one holds all of it, else one block for each bit that their prefixes differ by.
 *
 *     10.0.0.0/8 without 10.64.0.0/10  ──▶  10.128.0.0/9, 10.0.0.0/10
 *
 * @param block and `taken` are of one family.
 */
export function cidrWithout(block: CIDR, taken: CIDR): readonly string[] {
  if (holds(taken, block)) return [];
  if (!holds(block, taken)) return [block.cidr];
  const bits = bitsOf(taken);
  const left: string[] = [];
  for (let length = block.prefixLength + 1; length <= taken.prefixLength; length += 1) {
    const shift = bits - BigInt(length);
    // The block of this length beside the one that holds what is taken out.
    const sibling = ((numberOf(taken) >> shift) ^ 1n) << shift;
    left.push(`${textOf(sibling, taken)}/${length}`);
  }
  return left;
}

/** Whether every address of `inner` is in `outer`. */
export function holds(outer: CIDR, inner: CIDR): boolean {
  if (outer.family !== inner.family || outer.prefixLength > inner.prefixLength) return false;
  const shift = bitsOf(outer) - BigInt(outer.prefixLength);
  return numberOf(outer) >> shift === numberOf(inner) >> shift;
}

function bitsOf({ family }: CIDR): bigint {
  return family === 'IPv4' ? 32n : 128n;
}

function numberOf({ family, address }: CIDR): bigint {
  return (family === 'IPv4' ? new IPv4(address) : new IPv6(address)).getValue();
}

function textOf(value: bigint, { family }: CIDR): string {
  return family === 'IPv4' ? new IPv4(value).toString() : collapseIPv6Number(new IPv6(value).toString());
}
