import { collapseIPv6Number, IPv4, IPv6 } from 'ip-num';
import { type IPFamily, parseAddress, parseCIDR } from '../../../src/model/address.js';
import { NotImitated, Refusal } from './refusal.js';
import type { AddressBlock } from './rule.js';

const BITS: Readonly<Record<IPFamily, number>> = { IPv4: 32, IPv6: 128 };

/** An address as a number. */
export function bitsOfAddress(address: string): bigint {
  return address.includes(':') ? new IPv6(address).value : new IPv4(address).value;
}

/** What `-s` and `-d` take: an address, a block, or an address with a mask. Null where every address is in it. */
export function parseBlock(text: string, family: IPFamily): AddressBlock {
  if (text.includes(',')) throw new NotImitated(`several addresses in one rule: ${text}`);
  const slash = text.indexOf('/');
  const written = slash === -1 ? text : text.slice(0, slash);
  const address = parseAddress(written);
  if (address?.family !== family) {
    if (!/^[\da-f:.]+$/i.test(written)) throw new NotImitated(`the name of a host: ${written}`);
    throw new Refusal('usage', `host/network \`${written}' not found`);
  }
  const mask = maskOf(slash === -1 ? String(BITS[family]) : text.slice(slash + 1), family);
  const bits = bitsOfAddress(address.address) & mask;
  return { bits, mask, text: `${addressOfBits(bits, family)}/${maskText(mask, family)}` };
}

function maskOf(text: string, family: IPFamily): bigint {
  const bits = BITS[family];
  if (family === 'IPv4' && text.includes('.') && parseAddress(text) !== undefined) return bitsOfAddress(text);
  if (!/^\d+$/.test(text) || Number(text) > bits)
    throw new Refusal('usage', `invalid mask \`${text}' specified`);
  return ones(Number(text), bits);
}

/** `ones(8, 32)` is 0xff000000. */
function ones(count: number, bits: number): bigint {
  return ((1n << BigInt(count)) - 1n) << BigInt(bits - count);
}

function maskText(mask: bigint, family: IPFamily): string {
  const bits = BITS[family];
  const count = mask.toString(2).replaceAll('0', '').length;
  if (mask === ones(count, bits)) return String(count);
  return addressOfBits(mask, family);
}

/** As inet_ntop of the C library prints it, which differs from RFC 5952 where an IPv6 address holds one of IPv4. */
export function addressOfBits(bits: bigint, family: IPFamily): string {
  if (family === 'IPv4') return new IPv4(bits).toString();
  const before = bits >> 32n;
  const isCompatible = before === 0n && bits > 0xffffn;
  if (isCompatible || before === 0xffffn)
    return `::${before === 0n ? '' : 'ffff:'}${new IPv4(bits & 0xffff_ffffn).toString()}`;
  return collapseIPv6Number(new IPv6(bits).toString());
}

export function isInBlock(address: string, block: AddressBlock): boolean {
  return (bitsOfAddress(address) & block.mask) === block.bits;
}

/** Whether a CIDR holds an address; of another family it holds none. */
export function isInCIDR(address: string, cidr: string): boolean {
  const block = parseCIDR(cidr);
  if (block === undefined || parseAddress(address)?.family !== block.family) return false;
  return isInBlock(address, parseBlock(cidr, block.family));
}
