import { parseAddress } from '../../model/address.js';
import type { PastRedirect } from '../steering.js';
import { LEAF_CHAINS } from './leaf-chains.js';
import type { SavedTable } from './saved-rules.js';

/** Chains of which the first one that has a rule for some traffic tells: those of traffic from elsewhere know portals best. */
const TELLING = [
  'KUBE-PORTALS-CONTAINER',
  'KUBE-NODEPORT-CONTAINER',
  'KUBE-PORTALS-HOST',
  'KUBE-NODEPORT-HOST',
] as const;

/** Where the rules of a table nat send traffic, whoever wrote them into our chains. */
export function pastRedirects(nat: SavedTable | undefined): readonly PastRedirect[] {
  const found = new Map<string, PastRedirect>();
  for (const rule of TELLING.flatMap((chain) => rulesUnder(chain, nat))) {
    const redirect = pastRedirect(rule);
    if (redirect === null) continue;
    const key = `${redirect.protocol} ${redirect.address} ${redirect.port}`;
    if (!found.has(key)) found.set(key, redirect);
  }
  return [...found.values()];
}

/** Those of the chain and of its leaves. */
function rulesUnder(chain: string, nat: SavedTable | undefined): readonly string[] {
  const leaves = LEAF_CHAINS.filter((leaf) => leaf.startsWith(`${chain}-`));
  return [chain, ...leaves].flatMap((name) => nat?.get(name) ?? []);
}

/** Null for a rule that steers nothing, or only what comes from some source. */
function pastRedirect(rule: string): PastRedirect | null {
  const protocol = / -p (tcp|udp) /.exec(rule)?.[1];
  const port = / --dport (\d+) /.exec(rule)?.[1];
  const portalPort = / --to-(?:ports |destination \S*:)(\d+)$/.exec(rule)?.[1];
  if (protocol === undefined || port === undefined || portalPort === undefined) return null;
  if (/[^!] -s /.test(rule)) return null;
  const destination = / -d ([^\s/]+)/.exec(rule)?.[1];
  return {
    protocol: protocol === 'tcp' ? 'TCP' : 'UDP',
    address: destination === undefined ? null : (parseAddress(destination)?.address ?? destination),
    port: Number(port),
    portalPort: Number(portalPort),
  };
}
