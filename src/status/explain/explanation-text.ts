import type { PassedOver } from '../../model/eligible-endpoints.js';
import { hostPort } from '../../model/endpoint.js';
import { printable } from '../../model/printable.js';
import type { RedirectTo } from '../../steering/steering.js';
import { countOf } from '../quantity.js';
import type { EndpointStatus, PortalStatus, ServicePortStatus } from '../service-port-status.js';
import { textColumns } from '../text-columns.js';
import type { ClientBinding, ClientStatus } from './asked-client.js';
import type {
  CandidateStatus,
  ExplainReport,
  Explanation,
  FailureStatus,
  WayInStatus,
} from './explanation.js';

const WHY: Readonly<Record<PassedOver, string>> = {
  'not-ready': 'not ready',
  'other-node': 'on another node, and the traffic policy is Local',
  'other-family': "not of the Service's primary family",
  terminating: 'terminating, and others are ready',
  'hinted-elsewhere': 'its hints name others',
};

const VERDICTS: Readonly<Record<RedirectTo['verdict'], string>> = {
  redirect: 'to the portal',
  reject: 'refused: nothing serves there',
  drop: 'dropped: endpoints are on other nodes only',
};

/** An explanation for people: for each service port its portal, the ways in, the endpoints and what failed last. */
export function explanationText({ steering, explanations }: ExplainReport): string {
  const ofEach = explanations.map((explanation) =>
    [
      ...portalLines(explanation),
      ...waysInLines(explanation, steering.kind),
      ...endpointLines(explanation),
      ...clientLines(explanation),
      ...failureLines(explanation),
    ]
      .map((line) => `${printable(line)}\n`)
      .join(''),
  );
  return ofEach.join('\n');
}

function portalLines({ servicePort }: Explanation): readonly string[] {
  const { name, protocol, external } = servicePort;
  const policies = `traffic policy ${servicePort.internalTrafficPolicy}, from outside ${servicePort.externalTrafficPolicy}`;
  const seconds = servicePort.sessionAffinityTimeoutSeconds;
  const affinity = seconds === null ? 'none' : `${servicePort.sessionAffinity}, for ${seconds} s`;
  return [
    `${name}, ${protocol}; ${policies}; session affinity ${affinity}`,
    ...portalLine('portal', servicePort),
    ...(external === null ? [] : portalLine('portal of traffic from outside', external)),
  ];
}

function portalLine(title: string, { portal, error, ...counts }: PortalStatus): readonly string[] {
  const { activeConnections, udpSessions, totalConnections, totalUdpSessions, dialFailures } = counts;
  const where = portal === null ? 'not open' : hostPort(portal.address, portal.port);
  const open = activeConnections + udpSessions;
  const line = `  ${title} ${where}: ${open} open, ${totalConnections + totalUdpSessions} since it opened, ${countOf(dialFailures, 'dial failure')}`;
  return error === null ? [line] : [line, `  ${error}`];
}

function waysInLines({ waysIn }: Explanation, steering: string): readonly string[] {
  if (steering === 'none')
    return ['', 'Ways in: nothing is steered (--steering=none); clients connect to the portal.'];
  if (waysIn.length === 0) return ['', `Ways in (${steering}): none yet.`];
  const rows = waysIn.map((way) => [`  ${way.kind}`, wayInPlace(way), wayInEnd(way)]);
  const rules = waysIn.flatMap(({ rules: ofWay }) => ofWay).map((rule) => `  ${rule}`);
  return [
    '',
    `Ways in (${steering}):`,
    ...textColumns(rows),
    '',
    ...(rules.length === 0 ? ['Rules: none are written yet.'] : ['Rules:', ...rules]),
  ];
}

function wayInPlace({ address, port, family }: WayInStatus): string {
  return address === null ? `every ${family} address of this node, port ${port}` : hostPort(address, port);
}

function wayInEnd({ verdict, portal, sourceRanges, fromNode }: WayInStatus): string {
  const end = ({ verdict: becomes, portal: { address, port } }: RedirectTo) =>
    becomes === 'redirect' ? `${VERDICTS[becomes]} ${hostPort(address, port)}` : VERDICTS[becomes];
  const only = sourceRanges.length === 0 ? '' : `; only from ${sourceRanges.join(', ')}`;
  const besides = fromNode === null ? '' : `; from this node and its pods ${end(fromNode)}`;
  return `${end({ verdict, portal })}${only}${besides}`;
}

function endpointLines(explanation: Explanation): readonly string[] {
  const { servicePort, candidates, otherPorts, node } = explanation;
  if (candidates === null) {
    const rows = servicePort.endpoints.map((endpoint) => [
      `  ${hostPort(endpoint.address, endpoint.port)}`,
      carried(endpoint),
    ]);
    return ['', "Endpoints (why others are not used can't be told of a snapshot):", ...textColumns(rows)];
  }
  const used = candidates.filter(({ internal, external }) => internal === null || external === null).length;
  const here =
    node?.name == null
      ? ''
      : `; seen from node ${node.name}${node.zone === null ? '' : ` in zone ${node.zone}`}`;
  const rows = candidates.map((candidate) => [
    `  ${hostPort(candidate.address, candidate.port)}`,
    candidateText(candidate, explanation),
    placeText(candidate),
  ]);
  return [
    '',
    `Endpoints: ${used} of ${candidates.length} in use${setAsideText(servicePort)}${here}`,
    ...textColumns(rows),
    ...(candidates.length === 0 ? [nobodyText(otherPorts)] : []),
  ];
}

/** Those of either kind of traffic: where all would be set aside, all are used. */
function setAsideText({ external, ...internal }: ServicePortStatus): string {
  const aside = [internal, ...(external === null ? [] : [external])].flatMap(({ endpoints }) =>
    endpoints.filter(({ setAsideUntil }) => setAsideUntil !== null),
  );
  const places = new Set(aside.map(({ address, port }) => hostPort(address, port)));
  return places.size === 0 ? '' : `, ${places.size} of them set aside`;
}

function nobodyText(otherPorts: readonly string[]): string {
  if (otherPorts.length === 0)
    return '  The cluster names none: does the selector of the Service match a pod?';
  return `  None has this port; those of the Service have ${otherPorts.join(', ')}: is the name of the port the same?`;
}

function candidateText(candidate: CandidateStatus, { servicePort }: Explanation): string {
  const { internal, external } = candidate;
  const portals = [servicePort, ...(servicePort.external === null ? [] : [servicePort.external])];
  const used = portals.flatMap(({ endpoints }) =>
    endpoints.filter(({ address, port }) => address === candidate.address && port === candidate.port),
  );
  const use = used.map(carried).join('; from outside ');
  // With one portal there is one policy, whatever the other would say.
  if (servicePort.external === null || internal === external)
    return internal === null ? use : `not used: ${WHY[internal]}`;
  if (internal === null) return `${use}; not used from outside: ${external === null ? '' : WHY[external]}`;
  return `from outside ${use}; else not used: ${WHY[internal]}`;
}

function carried({ connections, totalConnections, setAsideUntil }: EndpointStatus): string {
  const counts = `${connections} open, ${totalConnections} since the portal opened`;
  return setAsideUntil === null
    ? `in use: ${counts}`
    : `SET ASIDE until ${setAsideUntil}, it could not be reached: ${counts}`;
}

/** What the answer to "and for this client?" is. */
function clientLines({ client, servicePort, waysIn }: Explanation): readonly string[] {
  if (client === null) return [];
  return [
    '',
    `Client ${client.address}:`,
    ...bindingLines(client, servicePort),
    ...waysIn
      .filter(({ forClient }) => forClient === 'kept-out')
      .map(
        (way) => `  kept out of ${way.kind} ${wayInPlace(way)}: only ${way.sourceRanges.join(', ')} may come`,
      ),
  ];
}

function bindingLines(
  { bindings }: ClientStatus,
  { sessionAffinity, sessionAffinityTimeoutSeconds, external }: ServicePortStatus,
): readonly string[] {
  if (sessionAffinity === 'None')
    return ['  no session affinity: each connection goes to the next endpoint of the rotation'];
  if (bindings.length === 0)
    return [
      `  no endpoint is held for it: its next connection chooses one, for ${sessionAffinityTimeoutSeconds} s`,
    ];
  const where = ({ traffic }: ClientBinding) =>
    external === null ? '' : traffic === 'internal' ? ' through the ClusterIP' : ' from outside';
  return bindings.map(
    (binding) =>
      `  goes to ${binding.endpoint}${where(binding)} until ${binding.until}, and longer if it connects again`,
  );
}

function placeText({ nodeName, zoneHints, nodeHints }: CandidateStatus): string {
  return [
    ...(nodeName === null ? [] : [`on ${nodeName}`]),
    ...(zoneHints.length === 0 ? [] : [`for zone ${zoneHints.join(', ')}`]),
    ...(nodeHints.length === 0 ? [] : [`for node ${nodeHints.join(', ')}`]),
  ].join(', ');
}

function failureLines({ failures }: Explanation): readonly string[] {
  if (failures.length === 0) return ['', 'Nothing failed lately.'];
  return ['', 'Failed last:', ...textColumns(failures.map(failureRow))];
}

function failureRow({ at, client, endpoint, reason, detail, final }: FailureStatus): readonly string[] {
  const what = detail === null ? reason : `${reason} (${detail})`;
  return [
    `  ${at}`,
    `client ${client}`,
    endpoint === null ? 'no endpoint' : `endpoint ${endpoint}`,
    `${what}; ${final ? 'the client lost it' : 'another endpoint was tried'}`,
  ];
}
