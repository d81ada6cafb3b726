import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../../src/model/service-port.js';
import type { ExplanationInput } from '../../../src/status/explain/explanation.js';
import { explanationText } from '../../../src/status/explain/explanation-text.js';
import { anExplainReport, aRedirect, aVerdict } from '../../support/explain-values.js';
import {
  aServicePort,
  aServicePortView,
  endpoints,
  NOON,
  portalCounters,
} from '../../support/proxy-values.js';

const NODE = { name: 'node-a', zone: 'zone-a' };
const text = (changes: Partial<ExplanationInput> = {}) => explanationText(anExplainReport(changes));
const verdicts =
  (...all: ReturnType<typeof aVerdict>[]) =>
  () => ({ endpoints: all, otherPorts: [], node: NODE });

describe('an explanation as text', () => {
  it('tells of portal, ways in, endpoints and failures', () => {
    const told = text({
      view: {
        servicePorts: () => [aServicePortView({ endpoints: endpoints(3001) })],
        redirects: () => [
          aRedirect(),
          aRedirect({ kind: 'LoadBalancer', address: 'fd00::1', sourceRanges: ['10.0.0.0/8', 'fd00::/8'] }),
          aRedirect({ kind: 'NodePort', address: null, port: 30_080, verdict: 'reject' }),
        ],
      },
      counters: new Map([
        [
          'default/whoami:http',
          portalCounters({
            activeConnections: 2,
            totalConnections: 9,
            dialFailures: 1,
            endpoints: new Map([
              ['10.1.0.1:3001', { connections: 2, totalConnections: 8, setAsideMs: 5_000 }],
            ]),
          }),
        ],
      ]),
      verdicts: verdicts(
        aVerdict('10.1.0.1', { nodeName: 'node-a' }),
        aVerdict('10.1.0.2', { ready: false, internal: 'not-ready', external: 'not-ready' }),
        aVerdict('10.1.0.3', {
          internal: 'hinted-elsewhere',
          external: 'hinted-elsewhere',
          hints: { forZones: ['zone-b'], forNodes: [] },
        }),
      ),
      failuresOf: (name) =>
        name === 'default/whoami:http'
          ? [
              {
                at: NOON,
                failure: {
                  name,
                  protocol: 'TCP',
                  client: { address: '10.9.9.9', port: 4444 },
                  endpoint: { key: '10.1.0.1:3001', address: '10.1.0.1', port: 3001 },
                  reason: 'dial-refused',
                  detail: 'ECONNREFUSED',
                  final: false,
                },
              },
            ]
          : [],
    });
    expect(told).toBe(
      `default/whoami:http, TCP; traffic policy Cluster, from outside Cluster; session affinity none
  portal 0.0.0.0:40123: 2 open, 9 since it opened, 1 dial failure

Ways in (nftables):
  ClusterIP      10.10.10.28:3000                            to the portal 0.0.0.0:40123
  LoadBalancer   [fd00::1]:3000                              to the portal 0.0.0.0:40123; only from 10.0.0.0/8, fd00::/8
  NodePort       every IPv4 address of this node, port 30080   refused: nothing serves there

Rules: none are written yet.

Endpoints: 1 of 3 in use, 1 of them set aside; seen from node node-a in zone zone-a
  10.1.0.1:3001   SET ASIDE until 2026-11-22T12:00:05.000Z, it could not be reached: 2 open, 8 since the portal opened   on node-a
  10.1.0.2:3001   not used: not ready
  10.1.0.3:3001   not used: its hints name others                                                                        for zone zone-b

Failed last:
  2026-11-22T12:00:00.000Z   client 10.9.9.9:4444   endpoint 10.1.0.1:3001   dial-refused (ECONNREFUSED); another endpoint was tried
`.replace(
        /^ {2}(ClusterIP {6}|LoadBalancer {3})(\S+) +/gm,
        (_, kind, place) =>
          `  ${kind}${String(place).padEnd('every IPv4 address of this node, port 30080'.length)}   `,
      ),
    );
  });

  it('tells both kinds of traffic apart where their policies differ', () => {
    const servicePort = aServicePort({ externalTrafficPolicy: 'Local', nodePort: 30_080 });
    const external = {
      endpoints: endpoints(3001),
      portal: { address: '0.0.0.0', port: 40_124 },
      error: null,
    };
    const two = ['10.1.0.1', '10.1.0.2'].map((address) => ({ key: `${address}:3001`, address, port: 3001 }));
    const told = text({
      view: {
        servicePorts: () => [aServicePortView({ servicePort, endpoints: two, external })],
        redirects: () => [
          aRedirect({
            kind: 'NodePort',
            address: null,
            port: 30_080,
            fromNode: { portal: { address: '0.0.0.0', port: 40_123 }, verdict: 'redirect' },
          }),
        ],
      },
      verdicts: verdicts(aVerdict('10.1.0.1'), aVerdict('10.1.0.2', { external: 'other-node' })),
    });
    expect(told).toContain('  portal of traffic from outside 0.0.0.0:40124: 0 open');
    expect(told).toContain('; from this node and its pods to the portal 0.0.0.0:40123');
    expect(told).toMatch(
      /10\.1\.0\.1:3001 {3}in use: 0 open, 0 since the portal opened; from outside in use: 0 open/,
    );
    expect(told).toMatch(
      /10\.1\.0\.2:3001 {3}in use: .*; not used from outside: on another node, and the traffic policy is Local/,
    );
  });

  it('shows the rules of each way in, or that there are none', () => {
    const steering = { rulesOf: () => ['iptables -t nat -A ONE', 'iptables -t nat -A TWO'] };
    expect(text({ steering })).toContain(
      '\n\nRules:\n  iptables -t nat -A ONE\n  iptables -t nat -A TWO\n\nEndpoints',
    );
    expect(text()).toContain('\n\nRules: none are written yet.\n\nEndpoints');
  });

  it('says what holds for a client that was asked about', () => {
    const address = { address: '10.1.2.3', family: 'IPv4' } as const;
    const affine = aServicePort({ sessionAffinity: { type: 'ClientIP', timeoutSeconds: 60 } });
    const of = (
      bindings: readonly [ServicePortName, string][],
      servicePort = affine,
      changes: Partial<ReturnType<typeof aServicePortView>> = {},
    ) =>
      text({
        client: {
          address,
          bindings: new Map(bindings.map(([portal, endpoint]) => [portal, { endpoint, remainingMs: 1_000 }])),
        },
        view: {
          servicePorts: () => [aServicePortView({ servicePort, ...changes })],
          redirects: () => [
            aRedirect(),
            aRedirect({ kind: 'LoadBalancer', address: '192.0.2.1', sourceRanges: ['192.168.0.0/16'] }),
          ],
        },
      });
    expect(of([['default/whoami:http', '10.1.0.1:3001']])).toContain(`
Client 10.1.2.3:
  goes to 10.1.0.1:3001 until 2026-11-22T12:00:01.000Z, and longer if it connects again
  kept out of LoadBalancer 192.0.2.1:3000: only 192.168.0.0/16 may come

Nothing failed lately.`);
    expect(of([])).toContain('  no endpoint is held for it: its next connection chooses one, for 60 s\n');
    expect(of([], aServicePort())).toContain(
      '  no session affinity: each connection goes to the next endpoint of the rotation\n',
    );
    const both = of(
      [
        ['default/whoami:http', '10.1.0.1:3001'],
        ['default/whoami:http@external', '10.1.0.2:3001'],
      ],
      affine,
      { external: { endpoints: [], portal: null, error: null } },
    );
    expect(both).toContain('  goes to 10.1.0.1:3001 through the ClusterIP until ');
    expect(both).toContain('  goes to 10.1.0.2:3001 from outside until ');
    expect(text()).not.toContain('Client');
  });

  it('says what to look at where the cluster names no endpoint', () => {
    expect(text({ verdicts: verdicts() })).toContain(
      'Endpoints: 0 of 0 in use; seen from node node-a in zone zone-a\n  The cluster names none: does the selector',
    );
    const otherPorts = ['admin/TCP', 'web/TCP'];
    expect(text({ verdicts: () => ({ endpoints: [], otherPorts, node: NODE }) })).toContain(
      'None has this port; those of the Service have admin/TCP, web/TCP: is the name of the port the same?',
    );
  });

  it('shows what is known of a state that was read from a snapshot', () => {
    const told = text({ verdicts: () => null });
    expect(told).toContain(
      "Endpoints (why others are not used can't be told of a snapshot):\n  10.1.0.1:3001   in use",
    );
  });

  it('says where nothing is steered, or not yet, and why a portal is not open', () => {
    const view = {
      servicePorts: () => [
        aServicePortView({ portal: null, error: 'PORT_RANGE_EXHAUSTED: no port is left' }),
      ],
      redirects: () => [],
    };
    const report = anExplainReport({ view });
    expect(explanationText(report)).toContain('Ways in (nftables): none yet.');
    expect(explanationText(report)).toContain('  portal not open: 0 open');
    expect(explanationText(report)).toContain('  PORT_RANGE_EXHAUSTED: no port is left');
    expect(explanationText({ ...report, steering: { kind: 'none', reason: 'asked' } })).toContain(
      'Ways in: nothing is steered (--steering=none)',
    );
  });

  it('is safe for a terminal, whatever the cluster calls its nodes', () => {
    expect(text({ verdicts: verdicts(aVerdict('10.1.0.1', { nodeName: '\u001b[2J' })) })).toContain(
      'on \\u001b[2J',
    );
  });
});
