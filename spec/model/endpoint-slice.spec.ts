import { describe, expect, it } from 'vitest';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import { type PlainObject, sliceObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

const conditionsOf = (conditions: unknown) =>
  parsedValue(parseEndpointSlice(sliceObject([{ addresses: ['10.0.0.1'], conditions }]))).endpoints[0];
const withFields = (fields: PlainObject) => parseEndpointSlice(sliceObject([], fields));

describe('parseEndpointSlice', () => {
  it('reads all that is used of a slice, and nothing else', () => {
    const object = sliceObject(
      [
        {
          addresses: ['10.244.0.11', '10.244.0.12'],
          conditions: { ready: false, serving: true, terminating: true },
          nodeName: 'n1',
          zone: 'eu-1a',
          hints: { forZones: [{ name: 'eu-1a' }] },
        },
      ],
      {
        ports: [
          { name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'h2c' },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
      },
    );
    expect(parseEndpointSlice(object)).toEqual({
      outcome: 'parsed',
      notes: [],
      value: {
        origin: 'EndpointSlice',
        triggeredAt: null,
        namespace: 'default',
        name: 'web-abc',
        service: 'web',
        ports: [
          { name: 'http', protocol: 'TCP', port: 8080 },
          { name: 'dns', protocol: 'UDP', port: 53 },
        ],
        endpoints: [
          {
            address: '10.244.0.11',
            family: 'IPv4',
            ready: false,
            serving: true,
            terminating: true,
            nodeName: 'n1',
            hints: { forZones: ['eu-1a'], forNodes: [] },
          },
        ],
      },
    });
  });

  it.each([
    ['nothing', undefined, { ready: true, serving: true, terminating: false }],
    ['an empty mapping', {}, { ready: true, serving: true, terminating: false }],
    [
      'null',
      { ready: null, serving: null, terminating: null },
      { ready: true, serving: true, terminating: false },
    ],
    ['not ready', { ready: false }, { ready: false, serving: false, terminating: false }],
    [
      'not ready, and serving',
      { ready: false, serving: true },
      { ready: false, serving: true, terminating: false },
    ],
    [
      'terminating',
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: true, terminating: true },
    ],
  ])('takes the conditions %s for what the API says they mean', (_what, conditions, meaning) => {
    expect(conditionsOf(conditions)).toMatchObject(meaning);
  });

  it('gives IPv6 addresses in canonical text', () => {
    const object = sliceObject([{ addresses: ['FD00::0A'] }], { addressType: 'IPv6' });
    expect(parsedValue(parseEndpointSlice(object)).endpoints).toMatchObject([
      { address: 'fd00::a', family: 'IPv6' },
    ]);
  });

  it('takes lists that are null or absent for empty ones', () => {
    expect(parsedValue(withFields({ endpoints: null, ports: undefined }))).toMatchObject({
      endpoints: [],
      ports: [],
    });
  });

  it('leaves out ports without a number, and SCTP ones', () => {
    const ports = [{ name: 'any', port: null }, { name: 'sctp', port: 1, protocol: 'SCTP' }, { port: 8080 }];
    expect(parsedValue(withFields({ ports })).ports).toEqual([{ name: '', protocol: 'TCP', port: 8080 }]);
  });

  it.each([
    ['without the label of its Service', { metadata: { name: 'x' } }, 'kubernetes.io/service-name'],
    [
      'whose label is empty',
      { metadata: { name: 'x', labels: { 'kubernetes.io/service-name': '' } } },
      'belongs to no Service',
    ],
    [
      'of names instead of addresses',
      { addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] },
      'FQDN',
    ],
  ])('skips a slice %s', (_what, fields, reason) => {
    expect(withFields(fields)).toMatchObject({ outcome: 'skipped', reason: expect.stringContaining(reason) });
  });

  it.each([
    [{ addressType: undefined }, 'addressType: is missing; give IPv4 or IPv6'],
    [{ addressType: 'ipv4' }, 'addressType: "ipv4" is not one of IPv4, IPv6'],
    [{ endpoints: {} }, 'endpoints: a mapping is not a list'],
    [{ endpoints: ['10.0.0.1'] }, 'endpoints[0]: "10.0.0.1" is not a mapping'],
    [{ endpoints: [null] }, 'endpoints[0]: is missing; give an endpoint'],
    [{ endpoints: [{}] }, 'endpoints[0].addresses: has no address; give one'],
    [{ endpoints: [{ addresses: [] }] }, 'endpoints[0].addresses: has no address; give one'],
    [{ endpoints: [{ addresses: '10.0.0.1' }] }, 'endpoints[0].addresses: "10.0.0.1" is not a list'],
    [{ endpoints: [{ addresses: [null] }] }, 'endpoints[0].addresses[0]: is missing; give an IP address'],
    [
      { endpoints: [{ addresses: ['10.0.0.256'] }] },
      'endpoints[0].addresses[0]: "10.0.0.256" is not an IPv4 address',
    ],
    [
      { endpoints: [{ addresses: ['fd00::1'] }] },
      'endpoints[0].addresses[0]: "fd00::1" is not an IPv4 address',
    ],
    [
      { endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: 'yes' } }] },
      'endpoints[0].conditions.ready: "yes" is not true or false',
    ],
    [
      { endpoints: [{ addresses: ['10.0.0.1'], conditions: [] }] },
      'endpoints[0].conditions: a list is not a mapping',
    ],
    [{ ports: [{ port: 70_000 }] }, 'ports[0].port: 70000 is not a port; give 1 to 65535'],
    [{ ports: [{ port: '8080' }] }, 'ports[0].port: "8080" is not a port; give 1 to 65535, without quotes'],
    [{ ports: [null] }, 'ports[0]: is missing; give a port'],
    [{ ports: 8080 }, 'ports: 8080 is not a list'],
    [
      { metadata: { name: 'x', labels: { 'kubernetes.io/service-name': 'Web' } } },
      'metadata.labels["kubernetes.io/service-name"]: "Web" is not the name of a Service',
    ],
    [
      { metadata: { name: 'x', labels: { 'kubernetes.io/service-name': 1 } } },
      'metadata.labels["kubernetes.io/service-name"]: 1 is not text; put it in quotes',
    ],
  ])('refuses %j', (fields, complaint) => {
    expect(complaintsOf(withFields(fields))).toEqual([complaint]);
  });
});
