import { hostPort } from '../../model/endpoint.js';
import type { Health } from '../health.js';
import { byteQuantity, countOf } from '../quantity.js';
import type { EndpointStatus, PortalStatus, ServicePortStatus } from '../service-port-status.js';
import type { StatusReport } from '../status-report.js';
import { isBroken, portalsOf } from '../watch/traffic-rates.js';

/** In one sentence: is all well, and if not, what is not. */
export interface State {
  readonly isWell: boolean;
  readonly sentence: string;
}

/** @param unready why it does not serve what it is to serve; null where it does. */
export function stateOf(report: StatusReport, health: Health, unready: string | null): State {
  const { servicePorts, sync, sources } = report;
  const broken = servicePorts.filter(isBroken).length;
  const wrong = [
    ...(unready === null ? [] : [unready]),
    ...(health.healthy ? [] : ['/healthz answers 503']),
    ...(broken === 0 ? [] : [`trouble with ${broken} of ${countOf(servicePorts.length, 'service port')}`]),
    ...(sync.errors.length === 0 ? [] : [`the last sync had ${countOf(sync.errors.length, 'error')}`]),
    ...sources.filter(({ stale }) => stale).map(({ location }) => `${location} is stale`),
    ...sources.flatMap(({ errors, location }) =>
      errors.length === 0 ? [] : [`${countOf(errors.length, 'error')} of ${location}`],
    ),
  ];
  if (wrong.length > 0) return { isWell: false, sentence: capitalized(wrong.join('; ')) };
  return { isWell: true, sentence: `All is well: ${countOf(servicePorts.length, 'service port')} served` };
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** What is wrong with a service port, in a few words; null where nothing is. */
export function troubleOf(servicePort: ServicePortStatus): string | null {
  if (!isBroken(servicePort)) return null;
  const portals = portalsOf(servicePort);
  const error = portals.find((portal) => portal.error !== null)?.error;
  if (error !== undefined && error !== null) return error;
  const aside = portals.flatMap(({ endpoints }) => endpoints.filter(isSetAside));
  const places = [...new Set(aside.map(({ address, port }) => hostPort(address, port)))];
  if (places.length > 0)
    return `set aside, it could not be reached: ${places.slice(0, 3).join(', ')}${places.length > 3 ? ` and ${places.length - 3} more` : ''}`;
  return 'no endpoints';
}

/** `3`, or `2 of 3` where one is set aside. */
export function endpointsText({ endpoints }: Pick<PortalStatus, 'endpoints'>): string {
  const aside = endpoints.filter(isSetAside).length;
  return aside === 0 ? `${endpoints.length}` : `${endpoints.length - aside} of ${endpoints.length}`;
}

function isSetAside({ setAsideUntil }: EndpointStatus): boolean {
  return setAsideUntil !== null;
}

/** With one digit behind the point below a hundred; a dash where it is not known yet. */
export function rateText(perSecond: number | null): string {
  if (perSecond === null) return '–';
  return perSecond < 99.95 && perSecond > 0 ? perSecond.toFixed(1) : `${Math.round(perSecond)}`;
}

export function bytesText(perSecond: number | null): string {
  return perSecond === null ? '–' : byteQuantity(Math.round(perSecond));
}

/** `12:34:56`, of an RFC 3339 time; in UTC, as logs are. */
export function clockText(time: string): string {
  return time.slice(11, 19);
}
