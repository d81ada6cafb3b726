import { describe, expect, it } from 'vitest';
import { parseEndpoints } from '../../src/model/legacy-endpoints.js';
import { endpointsObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

const READY = { ready: true, serving: true, terminating: false };
const NOT_READY = { ready: false, serving: false, terminating: false };

describe('parseEndpoints', () => {
  it('makes one slice of each subset, of the Service of the same name', () => {
    const object = endpointsObject([
      {
        addresses: [{ ip: '10.0.0.1', nodeName: 'n1' }],
        notReadyAddresses: [{ ip: 'FD00::1' }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
      { addresses: [{ ip: '10.0.0.2' }], ports: [{ name: 'http', port: 8081 }] },
    ]);
    const shared = {
      origin: 'Endpoints',
      namespace: 'default',
      name: 'web',
      service: 'web',
      triggeredAt: null,
    };
    expect(parsedValue(parseEndpoints(object))).toEqual([
      {
        ...shared,
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [
          { address: '10.0.0.1', family: 'IPv4', ...READY, nodeName: 'n1', hints: null },
          { address: 'fd00::1', family: 'IPv6', ...NOT_READY, nodeName: null, hints: null },
        ],
      },
      {
        ...shared,
        ports: [{ name: 'http', protocol: 'TCP', port: 8081 }],
        endpoints: [{ address: '10.0.0.2', family: 'IPv4', ...READY, nodeName: null, hints: null }],
      },
    ]);
  });

  it.each([undefined, null, []])('takes the subsets %j for none', (subsets) => {
    expect(parsedValue(parseEndpoints(endpointsObject(subsets)))).toEqual([]);
  });

  it.each([
    ['10.0.0.1', 'subsets: "10.0.0.1" is not a list'],
    [['10.0.0.1'], 'subsets[0]: "10.0.0.1" is not a mapping'],
    [[null], 'subsets[0]: is missing; give a subset'],
    [[{ addresses: '10.0.0.1' }], 'subsets[0].addresses: "10.0.0.1" is not a list'],
    [[{ addresses: ['10.0.0.1'] }], 'subsets[0].addresses[0]: "10.0.0.1" is not a mapping'],
    [[{ addresses: [null] }], 'subsets[0].addresses[0]: is missing; give an address'],
    [[{ addresses: [{}] }], 'subsets[0].addresses[0].ip: is missing; give an IP address'],
    [
      [{ notReadyAddresses: [{ ip: 'web-1' }] }],
      'subsets[0].notReadyAddresses[0].ip: "web-1" is not an IP address',
    ],
    [[{ ports: [{ port: 0 }] }], 'subsets[0].ports[0].port: 0 is not a port; give 1 to 65535'],
  ])('refuses the subsets %j', (subsets, complaint) => {
    expect(complaintsOf(parseEndpoints(endpointsObject(subsets)))).toEqual([complaint]);
  });
});
