import type { Address } from '../../model/address.js';
import { hostPort } from '../../model/endpoint.js';
import type { EndpointVerdict, ServicePortVerdicts } from '../../model/endpoint-verdicts.js';
import type { NodeTopology } from '../../model/node.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ProxyView } from '../../proxier/proxy-view.js';
import { portalName, relayNames, TRAFFICS } from '../../proxier/wanted-portals.js';
import type { PortalCounters } from '../../relay/engine.js';
import type { RecentFailure } from '../../relay/recent-failures.js';
import type { Redirect, RedirectTo, Steering } from '../../steering/steering.js';
import { type ServicePortStatus, servicePortStatus } from '../service-port-status.js';
import type { Choice } from '../status-report.js';
import {
  admission,
  type BindingsOfPortals,
  type ClientAdmission,
  type ClientStatus,
  clientStatus,
} from './asked-client.js';

/** Why the traffic of one service port goes where it goes. Part of the answer of `/v1/explain`; times are RFC 3339. */
export interface Explanation {
  /** As in `/v1/status`. */
  readonly servicePort: ServicePortStatus;
  /** What is steered, in the order in which rules are made; empty where nothing is. */
  readonly waysIn: readonly WayInStatus[];
  /** Every endpoint that the cluster names; null where that can't be told, as of a snapshot. */
  readonly candidates: readonly CandidateStatus[] | null;
  /** `name/protocol` of ports that the Service's endpoints have besides. */
  readonly otherPorts: readonly string[];
  /** What endpoints were judged for. */
  readonly node: NodeTopology | null;
  /** The one that was asked about; null where none was. */
  readonly client: ClientStatus | null;
  /** The last ones of each portal, the oldest first. */
  readonly failures: readonly FailureStatus[];
}

/** Where clients send to, and what becomes of it. */
export interface WayInStatus {
  readonly kind: Redirect['kind'];
  readonly family: Redirect['family'];
  /** Null for a NodePort: every address of the node. */
  readonly address: string | null;
  readonly port: number;
  /** CIDRs that may use it; empty means everyone. */
  readonly sourceRanges: readonly string[];
  readonly verdict: RedirectTo['verdict'];
  /** Where its portal listens. */
  readonly portal: { readonly address: string; readonly port: number };
  /** What was written for it into the packet filter, as `Steering.rulesOf`; empty where nothing was yet. */
  readonly rules: readonly string[];
  /** What becomes of the client that was asked about; null where none was. */
  readonly forClient: ClientAdmission | null;
  /** What becomes of it instead where this node or a pod on it sends it; null where that makes no difference. */
  readonly fromNode: RedirectTo | null;
}

/** An endpoint that the cluster names, and why traffic doesn't go there; null where it may. */
export interface CandidateStatus
  extends Pick<EndpointVerdict, 'ready' | 'serving' | 'terminating' | 'nodeName' | 'internal' | 'external'> {
  readonly address: string;
  readonly port: number;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

export interface FailureStatus {
  readonly at: string;
  /** `address:port`. */
  readonly client: string;
  /** `address:port`; null where no endpoint was involved. */
  readonly endpoint: string | null;
  /** One of `FailureReason`; a newer proxy may know others. */
  readonly reason: string;
  /** The system's own word; null where there is none. */
  readonly detail: string | null;
  /** Whether the client lost its connection or datagram by it. */
  readonly final: boolean;
}

/** The value of `GET /v1/explain`. */
export interface ExplainReport {
  readonly version: string;
  readonly currentTime: string;
  readonly steering: Choice<Steering['kind']>;
  /** One for each service port that was asked for, sorted by name. */
  readonly explanations: readonly Explanation[];
}

export interface ExplanationInput {
  readonly view: Pick<ProxyView, 'servicePorts' | 'redirects'>;
  readonly counters: ReadonlyMap<string, PortalCounters>;
  readonly verdicts: (name: ServicePortName) => ServicePortVerdicts | null;
  /** The last failures of a portal, by the relay's name of it. */
  readonly failuresOf: (portal: ServicePortName) => readonly RecentFailure[];
  readonly steering: Pick<Steering, 'rulesOf'>;
  /** The client that was asked about, and what the relay holds for it; null where none was. */
  readonly client: { readonly address: Address; readonly bindings: BindingsOfPortals } | null;
  /** ms since the epoch. */
  readonly now: number;
}

/** Explains these service ports; one that is gone meanwhile is left out. */
export function explanations(
  names: ReadonlySet<ServicePortName>,
  { view, counters, verdicts, failuresOf, steering, client, now }: ExplanationInput,
): readonly Explanation[] {
  const shown = view.servicePorts().filter(({ servicePort }) => names.has(servicePort.name));
  return shown.map((servicePortView): Explanation => {
    const { name } = servicePortView.servicePort;
    const judged = verdicts(name);
    return {
      servicePort: servicePortStatus(servicePortView, counters, now),
      waysIn: view
        .redirects(name)
        .map((redirect) => wayInStatus(redirect, steering.rulesOf(redirect), client?.address ?? null)),
      candidates: judged === null ? null : judged.endpoints.map(candidateStatus),
      otherPorts: judged?.otherPorts ?? [],
      node: judged === null ? null : { name: judged.node.name, zone: judged.node.zone },
      client: client === null ? null : clientStatus(name, client.address, client.bindings, now),
      failures: TRAFFICS.flatMap((traffic) => relayNames(portalName(name, traffic)))
        .flatMap(failuresOf)
        .toSorted((one, other) => one.at - other.at)
        .map(failureStatus),
    };
  });
}

function wayInStatus(redirect: Redirect, rules: readonly string[], client: Address | null): WayInStatus {
  const { kind, family, address, port, sourceRanges, verdict, portal, fromNode } = redirect;
  const forClient = client === null ? null : admission(redirect, client);
  return { kind, family, address, port, sourceRanges, verdict, portal, rules, forClient, fromNode };
}

function candidateStatus(verdict: EndpointVerdict): CandidateStatus {
  const { endpoint, ready, serving, terminating, nodeName, hints, internal, external } = verdict;
  return {
    address: endpoint.address,
    port: endpoint.port,
    ready,
    serving,
    terminating,
    nodeName,
    zoneHints: hints?.forZones ?? [],
    nodeHints: hints?.forNodes ?? [],
    internal,
    external,
  };
}

function failureStatus({ at, failure }: RecentFailure): FailureStatus {
  const { client, endpoint, reason, detail, final } = failure;
  return {
    at: new Date(at).toISOString(),
    client: hostPort(client.address, client.port),
    endpoint: endpoint?.key ?? null,
    reason,
    detail: detail ?? null,
    final,
  };
}
