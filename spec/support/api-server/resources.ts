/** The resources that the API server of the specs has, by their name in a path. */
export type ResourceName = 'services' | 'endpointslices' | 'endpoints' | 'nodes' | 'namespaces';

/** What a resource is called, and where it lives. */
export interface Resource {
  readonly name: ResourceName;
  readonly singularName: string;
  readonly shortNames: readonly string[];
  readonly kind: string;
  readonly group: '' | 'discovery.k8s.io';
  readonly apiVersion: 'v1' | 'discovery.k8s.io/v1';
  readonly namespaced: boolean;
  /** Its objects count the changes of what is asked of them in `metadata.generation`. */
  readonly hasGeneration: boolean;
  /** What Go writes of an object that holds nothing, after its metadata: a bookmark is such an object. */
  readonly emptyFields: string;
}

const CORE = { group: '', apiVersion: 'v1', hasGeneration: false } as const;

const NODE_STATUS =
  '"daemonEndpoints":{"kubeletEndpoint":{"Port":0}},"nodeInfo":{"machineID":"","systemUUID":"","bootID":"",' +
  '"kernelVersion":"","osImage":"","containerRuntimeVersion":"","kubeletVersion":"","kubeProxyVersion":"",' +
  '"operatingSystem":"","architecture":""}';

export const RESOURCES: Readonly<Record<ResourceName, Resource>> = {
  services: {
    ...CORE,
    name: 'services',
    singularName: 'service',
    shortNames: ['svc'],
    kind: 'Service',
    namespaced: true,
    emptyFields: '"spec":{},"status":{"loadBalancer":{}}',
  },
  endpoints: {
    ...CORE,
    name: 'endpoints',
    singularName: 'endpoints',
    shortNames: ['ep'],
    kind: 'Endpoints',
    namespaced: true,
    emptyFields: '',
  },
  endpointslices: {
    name: 'endpointslices',
    singularName: 'endpointslice',
    shortNames: [],
    kind: 'EndpointSlice',
    group: 'discovery.k8s.io',
    apiVersion: 'discovery.k8s.io/v1',
    namespaced: true,
    hasGeneration: true,
    emptyFields: '"addressType":"","endpoints":null,"ports":null',
  },
  nodes: {
    ...CORE,
    name: 'nodes',
    singularName: 'node',
    shortNames: ['no'],
    kind: 'Node',
    namespaced: false,
    emptyFields: `"spec":{},"status":{${NODE_STATUS}}`,
  },
  namespaces: {
    ...CORE,
    name: 'namespaces',
    singularName: 'namespace',
    shortNames: ['ns'],
    kind: 'Namespace',
    namespaced: false,
    emptyFields: '"spec":{},"status":{}',
  },
};

export const RESOURCE_NAMES = Object.keys(RESOURCES) as readonly ResourceName[];

export function isResourceName(name: string): name is ResourceName {
  return Object.hasOwn(RESOURCES, name);
}
