import type { PortalCounts, SyncProgress } from '../proxier/proxy-view.js';
import type { RelayEngine } from '../relay/engine.js';
import type { SourceStatus } from '../sources/source.js';
import type { Steering } from '../steering/steering.js';

/** How the proxy stands, in numbers: cheap to make, so that it may be looked at every second. */
export interface ServiceOverview {
  readonly counts: PortalCounts;
  readonly relay: RelayEngine['kind'];
  readonly steering: Steering['kind'];
  readonly sources: readonly SourceStatus[];
  readonly progress: SyncProgress;
}

/** The same as one line, for `systemctl status`: what is served and how, then what is wrong. */
export function overviewText({ counts, relay, steering, sources, progress }: ServiceOverview): string {
  const served = [
    `${amount(counts.services, 'service')} (${amount(counts.portals, 'portal')})`,
    amount(counts.endpoints, 'endpoint'),
  ];
  const parts = [served.join(', '), `steering ${steering}`, `relay ${relay}`];
  if (progress.succeeded === 0) parts.unshift('waiting for the first sync');
  const away = sources.filter(({ connected }) => connected === false);
  parts.push(...away.map(({ location }) => `${location} is away`));
  const errors = [...progress.errors, ...sources.flatMap((source) => source.errors)];
  const [first] = errors;
  if (first !== undefined)
    parts.push(errors.length === 1 ? first : `${amount(errors.length, 'error')}, the first: ${first}`);
  return parts.join('; ');
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
