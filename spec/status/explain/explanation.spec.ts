import { describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import type { ServicePortName } from '../../../src/model/service-port.js';
import type { RelayFailure } from '../../../src/relay/engine.js';
import { explanations } from '../../../src/status/explain/explanation.js';
import type { Redirect } from '../../../src/steering/steering.js';
import { anExplainReport, aRedirect, aVerdict } from '../../support/explain-values.js';
import { aServicePort, aServicePortView, NOON, portalCounters } from '../../support/proxy-values.js';

const failure = (name: ServicePortName): RelayFailure => ({
  name,
  protocol: 'TCP',
  client: { address: 'fd00::9', port: 4444 },
  endpoint: endpoint('10.1.0.1', 3001),
  reason: 'dial-refused',
  detail: 'ECONNREFUSED',
  final: false,
});

describe('the explanation of a service port', () => {
  it('is of those that were asked for, with the figures of the status report', () => {
    const other = aServicePortView({ servicePort: aServicePort({ name: 'default/other' }) });
    const [explanation, ...more] = anExplainReport({
      view: { servicePorts: () => [other, aServicePortView()], redirects: () => [] },
      counters: new Map([['default/whoami:http', portalCounters({ totalConnections: 7 })]]),
    }).explanations;
    expect(more).toEqual([]);
    expect(explanation?.servicePort).toMatchObject({ name: 'default/whoami:http', totalConnections: 7 });
    expect(explanation?.waysIn).toEqual([]);
  });

  it('has every way in, without what only rules need', () => {
    const fromNode = { portal: { address: '0.0.0.0', port: 1 }, verdict: 'redirect' } as const;
    const redirects = [
      aRedirect(),
      aRedirect({ kind: 'NodePort', address: null, port: 30_080, verdict: 'drop', fromNode }),
    ];
    const view = { servicePorts: () => [aServicePortView()], redirects: () => redirects };
    const steering = { rulesOf: ({ kind }: Redirect) => [`a rule of ${kind}`] };
    expect(anExplainReport({ view, steering }).explanations[0]?.waysIn).toEqual(
      redirects.map(({ servicePort: _, protocol: __, ...way }) => ({
        ...way,
        rules: [`a rule of ${way.kind}`],
        forClient: null,
      })),
    );
  });

  it('has each endpoint with its verdict and the hints that it has', () => {
    const verdicts = () => ({
      endpoints: [
        aVerdict('10.1.0.1', { nodeName: 'node-b', external: 'other-node' }),
        aVerdict('10.1.0.2', { hints: { forZones: ['z'], forNodes: ['n'] }, internal: 'hinted-elsewhere' }),
      ],
      otherPorts: ['admin/TCP'],
      node: { name: 'node-a', zone: null },
    });
    expect(anExplainReport({ verdicts }).explanations[0]).toMatchObject({
      candidates: [
        {
          address: '10.1.0.1',
          port: 3001,
          nodeName: 'node-b',
          zoneHints: [],
          internal: null,
          external: 'other-node',
        },
        {
          address: '10.1.0.2',
          zoneHints: ['z'],
          nodeHints: ['n'],
          internal: 'hinted-elsewhere',
          external: null,
        },
      ],
      otherPorts: ['admin/TCP'],
      node: { name: 'node-a', zone: null },
    });
  });

  it('says that nobody can tell of what was read from a snapshot', () => {
    expect(anExplainReport({ verdicts: () => null }).explanations[0]).toMatchObject({
      candidates: null,
      otherPorts: [],
      node: null,
    });
  });

  it('has the last failures of each of its portals, in the order in which they happened', () => {
    const times: Readonly<Record<string, number>> = {
      'default/whoami:http': NOON + 3,
      'default/whoami:http@external': NOON + 1,
      'default/whoami:http@external@dual-stack': NOON + 2,
    };
    const asked: string[] = [];
    const failuresOf = (name: ServicePortName) => {
      asked.push(name);
      const at = times[name];
      return at === undefined ? [] : [{ at, failure: failure(name) }];
    };
    const failures = anExplainReport({ failuresOf }).explanations[0]?.failures;
    expect(failures?.map(({ at }) => at)).toEqual([1, 2, 3].map((ms) => new Date(NOON + ms).toISOString()));
    expect(failures?.[0]).toEqual({
      at: '2026-11-22T12:00:00.001Z',
      client: '[fd00::9]:4444',
      endpoint: '10.1.0.1:3001',
      reason: 'dial-refused',
      detail: 'ECONNREFUSED',
      final: false,
    });
    expect(asked).toHaveLength(4);
  });

  it('leaves out one that is gone meanwhile', () => {
    const view = { servicePorts: () => [], redirects: () => [] };
    const input = {
      view,
      counters: new Map(),
      verdicts: () => null,
      failuresOf: () => [],
      steering: { rulesOf: () => [] },
      client: null,
      now: NOON,
    };
    expect(explanations(new Set(['default/gone']), input)).toEqual([]);
  });
});
