import {
  type EndpointSlice,
  readEndpointAddress,
  readEndpointPort,
  type SliceEndpoint,
  sliceEndpoint,
} from './endpoint-slice.js';
import { readNodeName } from './endpoint-topology.js';
import { Field } from './field.js';
import { excludedBy, type Parsed, readMetadata } from './kubernetes-object.js';
import { readTriggerTime } from './trigger-time.js';

/**
 * Reads a legacy v1 Endpoints, one slice for each of its subsets; it belongs to the Service of its own name. Addresses
 * under `addresses` are ready, those under `notReadyAddresses` are not. Never throws.
 */
export function parseEndpoints(value: unknown): Parsed<readonly EndpointSlice[]> {
  const object = Field.root(value);
  const metadata = readMetadata(object, 'subdomain');
  if (metadata === undefined) return { outcome: 'invalid', errors: object.errors };
  const reason = excludedBy(metadata.labels);
  if (reason !== undefined) return { outcome: 'skipped', reason };
  const { namespace, name } = metadata;
  const triggeredAt = readTriggerTime(metadata.annotations);
  const slices = object
    .child('subsets')
    .items()
    .map((subset): EndpointSlice => {
      if (!subset.present) subset.missing('give a subset');
      subset.mapping();
      const ports = subset.child('ports').items().flatMap(readEndpointPort);
      const endpoints = [
        ...readAddresses(subset, 'addresses'),
        ...readAddresses(subset, 'notReadyAddresses'),
      ];
      return { origin: 'Endpoints', namespace, name, service: name, ports, endpoints, triggeredAt };
    });
  if (object.errors.length > 0) return { outcome: 'invalid', errors: object.errors };
  return { outcome: 'parsed', value: slices, notes: [] };
}

function readAddresses(subset: Field, key: 'addresses' | 'notReadyAddresses'): SliceEndpoint[] {
  const ready = key === 'addresses';
  const conditions = { ready, serving: ready, terminating: false };
  return subset
    .child(key)
    .items()
    .flatMap((field) => {
      if (!field.present) field.missing('give an address');
      if (!field.mapping()) return [];
      const address = readEndpointAddress(field.child('ip'), undefined);
      const nodeName = readNodeName(field);
      return address === undefined ? [] : [sliceEndpoint(address, conditions, nodeName, null)];
    });
}
