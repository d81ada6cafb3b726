import { DEFAULT_CONFIG } from '../../config/defaults.js';
import type { StatusAddress } from '../../config/proxy-config.js';
import { reachableAddress } from '../../model/address.js';
import { hostPort } from '../../model/endpoint.js';
import { countOf } from '../../status/quantity.js';
import type { EndpointStatus, ServicePortStatus } from '../../status/service-port-status.js';
import type { StatusReport } from '../../status/status-report.js';
import { textColumns } from '../../status/text-columns.js';
import type { DemoServer } from './demo-server.js';

export interface Introduction {
  readonly report: StatusReport;
  /** The manifest that is proxied. */
  readonly manifest: string;
  /** Null where no status server runs. */
  readonly statusAddress: StatusAddress | null;
  /** How this program is called: `kube-splice`. */
  readonly command: string;
}

/** What runs where, and what to try. */
export function introduction({ report, manifest, statusAddress, command }: Introduction): string {
  return lines([
    ...servicesTable(report, manifest),
    '',
    'Try these, several times: the next endpoint answers each time.',
    ...report.servicePorts.flatMap(tryIt).map((tried) => `  ${tried}`),
    '',
    ...(statusAddress === null
      ? []
      : ['In another terminal, to see the proxy:', `  ${statusHint(command, statusAddress)}`, '']),
    'Ctrl-C ends the demo. So far, endpoint by endpoint:',
  ]);
}

/** The Services, where to connect, and their endpoints. */
export function servicesTable({ servicePorts }: StatusReport, manifest: string): string[] {
  const endpoints = servicePorts.reduce((sum, servicePort) => sum + servicePort.endpoints.length, 0);
  return [
    `kube-splice proxies ${countOf(servicePorts.length, 'service port')} of ${manifest}, with ${countOf(endpoints, 'endpoint')}:`,
    '',
    ...textColumns([
      ['SERVICE', 'PROTOCOL', 'CONNECT TO', 'ENDPOINTS'],
      ...servicePorts.map((servicePort) => [
        servicePort.name,
        servicePort.protocol,
        servicePort.portal === null
          ? '<none>'
          : hostPort(reachableAddress(servicePort.portal.address), servicePort.portal.port),
        endpointList(servicePort.endpoints),
      ]),
    ]),
  ];
}

/** Servers that could not have the port their manifest declares. */
export function movedServers(servers: readonly DemoServer[], manifest: string): string {
  return lines([
    ...servers.map(
      ({ endpoint, port }) =>
        `Port ${endpoint.port} is taken by another program: ${endpoint.name} listens on ${port}.`,
    ),
    `The demo uses a copy of its manifest with these ports, ${manifest}`,
    '',
  ]);
}

/** Why there is no status server, and what to do about it. */
export function withoutStatus(reason: string): string {
  return lines([
    `No status server: ${reason}.`,
    'The demo goes on without it; --healthz-port N chooses another port.',
    '',
  ]);
}

function tryIt({ protocol, portal }: ServicePortStatus): string[] {
  if (portal === null) return [];
  const { port } = portal;
  const address = reachableAddress(portal.address);
  return [
    protocol === 'TCP'
      ? `curl http://${hostPort(address, port)}/`
      : `echo hello | nc -u -w1 ${address} ${port}`,
  ];
}

function statusHint(command: string, { address, port }: StatusAddress): string {
  const standard = DEFAULT_CONFIG.statusAddress;
  return [
    `${command} status`,
    ...(address === standard?.address ? [] : [`--healthz-bind-address ${address}`]),
    ...(port === standard?.port ? [] : [`--healthz-port ${port}`]),
  ].join(' ');
}

/** Endpoints of one address in a row name it once: `127.0.0.1:28101,28102`. */
function endpointList(endpoints: readonly EndpointStatus[]): string {
  return endpoints
    .map(({ address, port }, index) => {
      if (address === endpoints[index - 1]?.address) return `,${port}`;
      return `${index === 0 ? '' : ' '}${hostPort(address, port)}`;
    })
    .join('');
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
