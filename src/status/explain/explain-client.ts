import type { StatusAddress } from '../../config/proxy-config.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { NodeTopology } from '../../model/node.js';
import type { RedirectTo } from '../../steering/steering.js';
import { askPage, jsonOf, malformed, type StatusClientLimits } from '../status-client.js';
import { isServicePortStatus } from '../status-guard.js';
import type { StatusReport } from '../status-report.js';
import { isBoolean, isNumber, isString, listOf, nullOr, objectOf, oneOf } from '../value-guards.js';
import type { ClientBinding, ClientStatus } from './asked-client.js';
import type { AskedExplanation } from './explainer.js';
import type {
  CandidateStatus,
  ExplainReport,
  Explanation,
  FailureStatus,
  WayInStatus,
} from './explanation.js';

/**
 * Asks a running kube-splice why the traffic of a Service goes where it goes.
 *
 * @throws KubeSpliceError `SERVICE_PORT_UNKNOWN` where it proxies no such thing; `CLIENT_ADDRESS_INVALID`; `STATUS_UNREACHABLE` where nobody answers in
 *   time; `STATUS_MALFORMED` where what answers gives no explanation, as one of an earlier version does not.
 */
export async function askExplanation(
  address: StatusAddress,
  { service, client }: AskedExplanation,
  limits?: StatusClientLimits,
): Promise<ExplainReport> {
  const query = new URLSearchParams({ service, ...(client === null ? {} : { client }) });
  const answer = await askPage(address, `/v1/explain?${query}`, limits);
  if (answer.status === 404 || answer.status === 400) throwRefusal(answer.body);
  const value = jsonOf(answer);
  if (!isExplainReport(value)) throw malformed(answer.where, 'its JSON is not an explanation');
  return value;
}

/** Nothing is thrown where the page itself is what was not found. */
function throwRefusal(body: string): void {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return;
  }
  if (!isRefusal(value)) return;
  throw new KubeSpliceError(value.code, value.error, { remedy: value.remedy });
}

const isRefusal = objectOf<{
  code: 'SERVICE_PORT_UNKNOWN' | 'CLIENT_ADDRESS_INVALID';
  error: string;
  remedy: string;
}>({
  code: oneOf('SERVICE_PORT_UNKNOWN', 'CLIENT_ADDRESS_INVALID'),
  error: isString,
  remedy: isString,
});

const PLACE = objectOf<{ readonly address: string; readonly port: number }>({
  address: isString,
  port: isNumber,
});
const VERDICT = oneOf('redirect', 'reject', 'drop');
const PASSED_OVER = nullOr(
  oneOf('not-ready', 'other-node', 'other-family', 'terminating', 'hinted-elsewhere'),
);

const WAY_IN = objectOf<WayInStatus>({
  kind: oneOf('ClusterIP', 'NodePort', 'ExternalIP', 'LoadBalancer'),
  family: oneOf('IPv4', 'IPv6'),
  address: nullOr(isString),
  port: isNumber,
  sourceRanges: listOf(isString),
  verdict: VERDICT,
  portal: PLACE,
  rules: listOf(isString),
  forClient: nullOr(oneOf('let-in', 'kept-out', 'other-family')),
  fromNode: nullOr(objectOf<RedirectTo>({ portal: PLACE, verdict: VERDICT })),
});

const CANDIDATE = objectOf<CandidateStatus>({
  address: isString,
  port: isNumber,
  ready: isBoolean,
  serving: isBoolean,
  terminating: isBoolean,
  nodeName: nullOr(isString),
  zoneHints: listOf(isString),
  nodeHints: listOf(isString),
  internal: PASSED_OVER,
  external: PASSED_OVER,
});

const CLIENT = objectOf<ClientStatus>({
  address: isString,
  bindings: listOf(
    objectOf<ClientBinding>({
      traffic: oneOf('internal', 'external'),
      endpoint: isString,
      until: isString,
    }),
  ),
});

const FAILURE = objectOf<FailureStatus>({
  at: isString,
  client: isString,
  endpoint: nullOr(isString),
  reason: isString,
  detail: nullOr(isString),
  final: isBoolean,
});

const isExplainReport = objectOf<ExplainReport>({
  version: isString,
  currentTime: isString,
  steering: objectOf<Pick<StatusReport['steering'], 'kind' | 'reason'>>({
    kind: oneOf('iptables', 'nftables', 'none'),
    reason: isString,
  }),
  explanations: listOf(
    objectOf<Explanation>({
      servicePort: isServicePortStatus,
      waysIn: listOf(WAY_IN),
      candidates: nullOr(listOf(CANDIDATE)),
      otherPorts: listOf(isString),
      node: nullOr(objectOf<NodeTopology>({ name: nullOr(isString), zone: nullOr(isString) })),
      client: nullOr(CLIENT),
      failures: listOf(FAILURE),
    }),
  ),
});
