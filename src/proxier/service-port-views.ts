import type { KubeSpliceError } from '../model/errors.js';
import type { ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { Portals } from './portals.js';
import type { PortalView, ServicePortView } from './proxy-view.js';
import { portalName, type Traffic, wantedPortal } from './wanted-portals.js';

type ShownPortals = Pick<Portals, 'open' | 'failed'>;

/** Every service port of a state with what has become of its portals, sorted by name. */
export function servicePortViews(state: ServiceState, portals: ShownPortals): readonly ServicePortView[] {
  return [...state.servicePorts.values()]
    .map((servicePort) => ({
      servicePort,
      ...portalView(servicePort.name, 'internal', state, portals),
      external: state.externalEndpoints.has(servicePort.name)
        ? portalView(servicePort.name, 'external', state, portals)
        : null,
    }))
    .sort((a, b) => (a.servicePort.name < b.servicePort.name ? -1 : 1));
}

/** For a log or a page: the code, then what happened. */
export function errorLine(error: KubeSpliceError): string {
  return `${error.code}: ${error.message}`;
}

function portalView(
  servicePort: ServicePortName,
  traffic: Traffic,
  state: ServiceState,
  { open, failed }: ShownPortals,
): PortalView {
  const name = portalName(servicePort, traffic);
  const portal = open.get(name);
  const failure = failed.get(name);
  return {
    endpoints: wantedPortal(state, servicePort, traffic)?.routing.endpoints ?? [],
    portal: portal === undefined ? null : { address: portal.address, port: portal.port },
    error: failure === undefined ? null : errorLine(failure.error),
  };
}
