import { parseCIDR } from '../model/address.js';
import { invalid, type Parsed, valid } from './parsed.js';

/** CIDRs with commas between them, in canonical text, each once; the empty text is none. */
export function parseCIDRList(text: string): Parsed<readonly string[]> {
  const cidrs: string[] = [];
  for (const part of text.split(',').map((word) => word.trim())) {
    if (part === '') continue;
    const cidr = parseCIDR(part)?.cidr;
    if (cidr === undefined)
      return invalid(
        part,
        'is not a CIDR; give one such as 10.0.0.0/8 or fd00::/64, with commas between several',
      );
    cidrs.push(cidr);
  }
  return valid([...new Set(cidrs)]);
}

/** The same, one of each family at most: what kube-proxy takes for the addresses of pods. */
export function parseClusterCIDRs(text: string): Parsed<readonly string[]> {
  const parsed = parseCIDRList(text);
  if (!parsed.ok) return parsed;
  const isTwice = parsed.value.filter((cidr) => cidr.includes(':')).length > 1;
  const isTwiceIPv4 = parsed.value.filter((cidr) => !cidr.includes(':')).length > 1;
  return isTwice || isTwiceIPv4
    ? invalid(text, 'has two CIDRs of one family; give one of each at most')
    : parsed;
}
