import type { RefusedTraffic } from '../steering.js';

const RULE = /^(?:\[(\d+):\d+\] )?-A KUBE-PORTALS-REFUSED -p (tcp|udp)(?:(?: .*?)? -c (\d+) \d+)? /gm;

/** What the rules of `KUBE-PORTALS-REFUSED` have counted, from what `iptables-save -c` or `iptables -S -v` print. */
export function refusedTraffic(text: string): RefusedTraffic {
  const packets = { tcp: 0, udp: 0 };
  for (const [, before, protocol, behind] of text.matchAll(RULE))
    packets[protocol === 'tcp' ? 'tcp' : 'udp'] += Number(before ?? behind ?? '0');
  return { connections: packets.tcp, datagrams: packets.udp };
}
