import type { ServicePortName } from '../../model/service-port.js';
import { portalName, relayNames, TRAFFICS } from '../../proxier/wanted-portals.js';
import type { FailureReason } from '../../relay/engine.js';
import type { ServicePortFigure } from './service-port-figures.js';

/** What a relay has told of failures, by the name that it knows a portal by. */
export type FailuresOf = (portal: ServicePortName) => ReadonlyMap<FailureReason, number>;

/** Failures of a service port by reason: of all portals that it has or had. */
export function failureFigure(failuresOf: FailuresOf): ServicePortFigure {
  return {
    name: 'kubesplice_failures_total',
    type: 'counter',
    help: 'What failed, tries that another endpoint made good included, by the reason that the log has: as far as the relay had time to tell',
    label: 'reason',
    of: ({ name }) => {
      const counts: Record<string, number> = {};
      const portals = TRAFFICS.flatMap((traffic) => relayNames(portalName(name as ServicePortName, traffic)));
      for (const portal of portals)
        for (const [reason, count] of failuresOf(portal)) counts[reason] = (counts[reason] ?? 0) + count;
      return counts;
    },
  };
}
