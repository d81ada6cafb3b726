import type { RuleSave } from './rule-save.js';
import { rulesOfChain, servicePortOfComment } from './saved-rule.js';
import { firstOfEach, type ServedWay } from './served-way.js';

const STEERING = new Set(['REDIRECT', 'DNAT']);

/**
 * What kube-proxy's rules of userspace mode bring to its portals (pkg/proxy/userspace/proxier.go of Kubernetes, until 1.25). Which endpoints
 * are behind a portal, and whether it keeps clients at theirs, only the process knows. It lets everybody in.
 */
export function waysOfUserspaceMode({ family, tables }: RuleSave): readonly ServedWay[] {
  const nat = tables.get('nat');
  return firstOfEach(
    ['KUBE-PORTALS-CONTAINER', 'KUBE-NODEPORT-CONTAINER'].flatMap((chain) =>
      rulesOfChain(nat, chain).flatMap(({ protocol, port, destination, comment, jump }) => {
        if (!STEERING.has(jump) || protocol === null || port === null) return [];
        if (destination === null && chain === 'KUBE-PORTALS-CONTAINER') return [];
        const way: ServedWay = {
          servicePort: servicePortOfComment(comment),
          kind: destination === null ? 'NodePort' : null,
          protocol,
          family,
          address: destination,
          port,
          outcome: 'served',
          endpoints: null,
          affinitySeconds: null,
          sourceRanges: [],
        };
        return [way];
      }),
    ),
  );
}
