/** A resource of the API server, as it is listed and watched. */
export interface Resource {
  /** The plural name, as RBAC writes it. */
  readonly name: 'services' | 'endpointslices' | 'endpoints' | 'nodes';
  readonly path: string;
  /** What is asked for beside `limit`, `continue` and the like: selectors. */
  readonly query: Readonly<Record<string, string>>;
}

/**
 * Leaves out what another proxy serves, and headless Services with their endpoints, so that they never cross the wire:
 * the selector of kube-proxy's own informers (`cmd/kube-proxy/app/server.go`).
 */
const NOT_FOR_OTHERS = {
  labelSelector: '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name',
} as const;

export const SERVICES: Resource = { name: 'services', path: '/api/v1/services', query: NOT_FOR_OTHERS };

export const ENDPOINT_SLICES: Resource = {
  name: 'endpointslices',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
  query: NOT_FOR_OTHERS,
};

/** What clusters before 1.21 have; since 1.33 it is deprecated. */
export const ENDPOINTS: Resource = { name: 'endpoints', path: '/api/v1/endpoints', query: NOT_FOR_OTHERS };

/** One node alone: nothing is learnt of the others, and RBAC may be held to its name. */
export function nodeResource(name: string): Resource {
  return { name: 'nodes', path: '/api/v1/nodes', query: { fieldSelector: `metadata.name=${name}` } };
}
