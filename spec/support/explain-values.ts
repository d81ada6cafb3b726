import { endpoint } from '../../src/model/endpoint.js';
import type { EndpointVerdict } from '../../src/model/endpoint-verdicts.js';
import type { ExplainReport } from '../../src/status/explain/explanation.js';
import { type ExplanationInput, explanations } from '../../src/status/explain/explanation.js';
import type { Redirect } from '../../src/steering/steering.js';
import { aServicePort, aServicePortView, NOON } from './proxy-values.js';

/** An endpoint that is ready and used, but for what a spec says. */
export function aVerdict(address: string, changes: Partial<EndpointVerdict> = {}): EndpointVerdict {
  return {
    endpoint: endpoint(address, 3001),
    ready: true,
    serving: true,
    terminating: false,
    nodeName: null,
    hints: null,
    internal: null,
    external: null,
    ...changes,
  };
}

/** A way into `default/whoami:http`. */
export function aRedirect(changes: Partial<Redirect> = {}): Redirect {
  return {
    servicePort: 'default/whoami:http',
    protocol: 'TCP',
    kind: 'ClusterIP',
    family: 'IPv4',
    address: '10.10.10.28',
    port: 3000,
    sourceRanges: [],
    portal: { address: '0.0.0.0', port: 40_123 },
    verdict: 'redirect',
    fromNode: null,
    ...changes,
  };
}

/** What `/v1/explain` answers of `default/whoami:http`, as it is made of what a spec says. */
export function anExplainReport(changes: Partial<ExplanationInput> = {}): ExplainReport {
  const { name } = aServicePort();
  return {
    version: '0.1.0',
    currentTime: new Date(NOON).toISOString(),
    steering: { kind: 'nftables', reason: 'it works here' },
    explanations: explanations(new Set([name]), {
      view: { servicePorts: () => [aServicePortView()], redirects: () => [aRedirect()] },
      counters: new Map(),
      verdicts: () => ({
        endpoints: [aVerdict('10.1.0.1')],
        otherPorts: [],
        node: { name: 'node-a', zone: 'zone-a' },
      }),
      failuresOf: () => [],
      steering: { rulesOf: () => [] },
      client: null,
      now: NOON,
      ...changes,
    }),
  };
}
