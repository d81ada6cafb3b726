import { parseCIDR } from '../model/address.js';
import { holds } from '../model/cidr-difference.js';

/** An address to listen on. */
export interface ListenAddress {
  readonly address: string;
  /** Of `::` alone: false where it is to be IPv4 as well. */
  readonly ipv6Only: boolean;
}

/** Every address of the node, as one socket. */
const EVERY_ADDRESS: readonly ListenAddress[] = [{ address: '::', ipv6Only: false }];

/**
 * Where the health checks of NodePorts are listened for: on the addresses of the node that are in a CIDR, as NodePorts are
 * (kube-proxy's `--nodeport-addresses`). One socket does where that is every address of a family, or of both.
 *
 * @param cidrs of either family; none means every address.
 * @param localAddresses those of the node, in canonical text.
 */
export function healthCheckAddresses(
  cidrs: readonly string[],
  localAddresses: () => readonly string[],
): readonly ListenAddress[] {
  const [everyIPv4, everyIPv6] = [cidrs.includes('0.0.0.0/0'), cidrs.includes('::/0')];
  if (cidrs.length === 0 || (everyIPv4 && everyIPv6)) return EVERY_ADDRESS;
  const blocks = cidrs.flatMap((cidr) => parseCIDR(cidr) ?? []);
  const chosen = localAddresses().filter((address) => {
    if (address.includes(':') ? everyIPv6 : everyIPv4) return false;
    const local = parseCIDR(`${address}/${address.includes(':') ? 128 : 32}`);
    return local !== undefined && blocks.some((block) => holds(block, local));
  });
  return [...(everyIPv4 ? ['0.0.0.0'] : []), ...(everyIPv6 ? ['::'] : []), ...chosen].map((address) => ({
    address,
    ipv6Only: true,
  }));
}
