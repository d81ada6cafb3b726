import { describe, expect, it } from 'vitest';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import { type PlainObject, sliceObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

const parsed = (fields: PlainObject) =>
  parseEndpointSlice(sliceObject([{ addresses: ['10.0.0.1'], ...fields }]));
const topologyOf = (fields: PlainObject) => parsedValue(parsed(fields)).endpoints[0];

describe('the topology of an endpoint', () => {
  it('is its node, and the zones and nodes that it is hinted for', () => {
    const hints = {
      forZones: [{ name: 'zone-a' }, { name: 'zone-b' }],
      forNodes: [{ name: 'node-a' }],
    };
    expect(topologyOf({ nodeName: 'node-a', hints })).toMatchObject({
      nodeName: 'node-a',
      hints: { forZones: ['zone-a', 'zone-b'], forNodes: ['node-a'] },
    });
  });

  it.each([
    {},
    { nodeName: null, hints: null },
    { nodeName: '', hints: {} },
    { hints: { forZones: null, forNodes: [] } },
  ])('is unknown in %j', (fields) => {
    expect(topologyOf(fields)).toMatchObject({ nodeName: null, hints: null });
  });

  it('is one value where it is equal, in whatever slice', () => {
    const fields = () => ({ hints: { forZones: [{ name: ['zone', 'a'].join('-') }] } });
    expect(topologyOf(fields())?.hints).toBe(topologyOf(fields())?.hints);
    const other = topologyOf({ hints: { forNodes: [{ name: 'zone-a' }] } })?.hints;
    expect(other).not.toEqual(topologyOf(fields())?.hints);
  });

  it.each([
    [{ nodeName: 7 }, 'nodeName: 7 is not text; put it in quotes'],
    [{ hints: 'zone-a' }, 'hints: "zone-a" is not a mapping'],
    [{ hints: { forZones: 'zone-a' } }, 'hints.forZones: "zone-a" is not a list'],
    [{ hints: { forZones: ['zone-a'] } }, 'hints.forZones[0]: "zone-a" is not a mapping'],
    [{ hints: { forZones: [null] } }, 'hints.forZones[0]: is missing; give a mapping with a name'],
    [{ hints: { forNodes: [{}] } }, 'hints.forNodes[0].name: is missing; name who the endpoint is for'],
    [{ hints: { forNodes: [{ name: 1 }] } }, 'hints.forNodes[0].name: 1 is not text; put it in quotes'],
  ])('is refused in %j', (fields, complaint) => {
    expect(complaintsOf(parsed(fields))).toEqual([`endpoints[0].${complaint}`]);
  });
});
