/** Kubernetes objects as they come out of a file: plain values, each field of which a spec may replace. */
export type PlainObject = Record<string, unknown>;

/** A Service that is sound: `default/web`, port 80 named http. `spec` fields replace or join those given here. */
export function serviceObject(spec: PlainObject = {}, metadata: PlainObject = {}): PlainObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80 }], ...spec },
  };
}

/** A slice of `default/web` with these endpoints on port 8080 named http; `fields` replace or join the others. */
export function sliceObject(endpoints: unknown, fields: PlainObject = {}): PlainObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'web-abc',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
    ...fields,
  };
}

/** A legacy Endpoints of `default/web` with these subsets. */
export function endpointsObject(subsets: unknown, metadata: PlainObject = {}): PlainObject {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    subsets,
  };
}

/** The Node `node-a` with these addresses. */
export function nodeObject(addresses: unknown, metadata: PlainObject = {}): PlainObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-a', ...metadata },
    status: { addresses },
  };
}
