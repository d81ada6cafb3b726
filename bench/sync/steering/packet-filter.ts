/** What the kernel's packet rules are written with. */
export type PacketFilter = 'iptables-legacy' | 'iptables-nft' | 'nftables';

export const PACKET_FILTERS: readonly PacketFilter[] = ['iptables-legacy', 'iptables-nft', 'nftables'];

/** `--steering` of the program, for this filter. */
export function steeringFlag(filter: PacketFilter): 'iptables' | 'nftables' {
  return filter === 'nftables' ? 'nftables' : 'iptables';
}

/** Every program that rules of this filter are written and read with. */
export function programsOf(filter: PacketFilter): readonly string[] {
  if (filter === 'nftables') return ['nft'];
  const variant = variantOf(filter);
  return ['iptables', 'ip6tables'].flatMap((base) =>
    ['', '-save', '-restore'].map((form) => `${base}-${variant}${form}`),
  );
}

/** The variant of iptables, as the names of its programs tell it. */
export function variantOf(filter: Exclude<PacketFilter, 'nftables'>): 'legacy' | 'nft' {
  return filter === 'iptables-legacy' ? 'legacy' : 'nft';
}
