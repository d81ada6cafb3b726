import { describe, expect, it } from 'vitest';
import { servicePortStatus } from '../../src/status/service-port-status.js';
import { aServicePort, aServicePortView, endpoints, portalCounters } from '../support/proxy-values.js';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const external = { endpoints: endpoints(3002), portal: { address: '0.0.0.0', port: 40124 }, error: null };
const servicePort = aServicePort({ externalTrafficPolicy: 'Local' });
const counters = new Map([
  ['default/whoami:http', portalCounters({ totalConnections: 3 })],
  [
    'default/whoami:http@external',
    portalCounters({
      totalConnections: 9,
      endpoints: new Map([
        ['10.1.0.1:3002', { connections: 1, totalConnections: 5, setAsideMs: 1500 }],
        ['10.1.0.9:3000', { connections: 2, totalConnections: 4 }],
      ]),
    }),
  ],
]);

describe('the status of a service port whose external traffic has a portal of its own', () => {
  it('tells of each portal where it is, where it leads and what it carried', () => {
    const status = servicePortStatus(aServicePortView({ servicePort, external }), counters, NOW);
    expect(status).toMatchObject({
      internalTrafficPolicy: 'Cluster',
      externalTrafficPolicy: 'Local',
      portal: { address: '0.0.0.0', port: 40123 },
      totalConnections: 3,
      external: {
        portal: { address: '0.0.0.0', port: 40124 },
        error: null,
        endpoints: [
          { address: '10.1.0.1', port: 3002, totalConnections: 5, setAsideUntil: '2026-11-22T12:00:01.500Z' },
        ],
        drainingEndpoints: [
          { address: '10.1.0.9', port: 3000, connections: 2, totalConnections: 4, setAsideUntil: null },
        ],
        totalConnections: 9,
      },
    });
  });

  it('says of each why it is not open', () => {
    const closed = { ...external, portal: null, error: 'PORT_RANGE_EXHAUSTED: x' };
    const view = aServicePortView({ servicePort, portal: null, external: closed });
    const status = servicePortStatus(view, new Map(), NOW);
    expect([status.error, status.external?.error]).toEqual([
      'the portal is not open yet',
      'PORT_RANGE_EXHAUSTED: x',
    ]);
    expect(status.external?.totalConnections).toBe(0);
  });
});

describe('the status of a service port whose portals listen for both families', () => {
  it('tells what those carried, not what those did that they took over from', () => {
    const portal = { address: '::', port: 40125 };
    const view = aServicePortView({ servicePort, portal, external: { ...external, portal } });
    const carried = new Map([
      ...counters,
      ['default/whoami:http@dual-stack', portalCounters({ totalConnections: 1 })],
      ['default/whoami:http@external@dual-stack', portalCounters({ totalConnections: 2 })],
    ]);
    const { totalConnections, external: outside } = servicePortStatus(view, carried, NOW);
    expect([totalConnections, outside?.totalConnections]).toEqual([1, 2]);
  });
});
