import { describe, expect, it } from 'vitest';
import { parseNode } from '../../src/model/node.js';
import { nodeObject, type PlainObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

describe('parseNode', () => {
  it('reads the name, the zone and the addresses of a Node', () => {
    const object = nodeObject(
      [
        { type: 'Hostname', address: 'node-a' },
        { type: 'InternalIP', address: '10.1.0.1' },
        { type: 'InternalIP', address: 'FD00::0A' },
        { type: 'ExternalIP', address: '203.0.113.7' },
        { type: 'ExternalIP', address: '10.1.0.1' },
        { type: 'InternalDNS', address: 'node-a.internal' },
      ],
      { labels: { 'topology.kubernetes.io/zone': 'zone-a', 'kubernetes.io/hostname': 'node-a' } },
    );
    expect(parseNode(object)).toEqual({
      outcome: 'parsed',
      notes: [],
      value: {
        name: 'node-a',
        zone: 'zone-a',
        addresses: ['10.1.0.1', 'fd00::a', '203.0.113.7'],
        isLeaving: false,
      },
    });
  });

  it.each([
    {},
    { labels: null },
    { labels: { 'topology.kubernetes.io/zone': '' } },
    { labels: { 'topology.kubernetes.io/region': 'region-a' } },
  ])('knows no zone of one with the metadata %j', (metadata) => {
    expect(parsedValue(parseNode(nodeObject([], metadata))).zone).toBe(null);
  });

  it.each([undefined, null, {}, { addresses: null }])(
    'knows no address of one with the status %j',
    (status) => {
      expect(parsedValue(parseNode({ ...nodeObject([]), status })).addresses).toEqual([]);
    },
  );

  const taint = { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule', value: '1764150000' };

  it.each<[string, PlainObject, boolean]>([
    ['has the taint of the cluster autoscaler', { spec: { taints: [{ key: 'other' }, taint] } }, true],
    ['has another taint', { spec: { taints: [{ key: 'node.kubernetes.io/not-ready' }] } }, false],
    ['has no list of taints', { spec: { taints: 'none' } }, false],
    ['has taints that are none', { spec: { taints: [null, 7, 'x'] } }, false],
    ['is being deleted', { metadata: { name: 'node-a', deletionTimestamp: '2026-11-26T10:00:00Z' } }, true],
  ])('knows whether one that %s is about to go', (_, fields, leaves) => {
    expect(parsedValue(parseNode({ ...nodeObject([]), ...fields })).isLeaving).toBe(leaves);
  });

  it.each<[PlainObject, string]>([
    [{ metadata: undefined }, 'metadata: is missing; give at least its name'],
    [
      { metadata: { name: 'node-a', labels: { 'topology.kubernetes.io/zone': 1 } } },
      'metadata.labels["topology.kubernetes.io/zone"]: 1 is not text; put it in quotes',
    ],
    [{ status: 'Ready' }, 'status: "Ready" is not a mapping'],
    [{ status: { addresses: {} } }, 'status.addresses: a mapping is not a list'],
    [
      { status: { addresses: [{ type: 'InternalIP' }] } },
      'status.addresses[0].address: is missing; give an IP address',
    ],
    [
      { status: { addresses: [{ type: 'ExternalIP', address: 'node-a' }] } },
      'status.addresses[0].address: "node-a" is not an IP address',
    ],
  ])('refuses one with %j', (fields, complaint) => {
    expect(complaintsOf(parseNode({ ...nodeObject([]), ...fields }))).toEqual([complaint]);
  });
});
