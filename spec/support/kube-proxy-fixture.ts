import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import { parseService } from '../../src/model/service.js';
import { ServiceCatalog } from '../../src/model/service-catalog.js';
import type { ServiceState } from '../../src/model/service-state.js';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/kube-proxy-1.25');

/** Services and endpoints that a real kube-proxy 1.25 was given. */
export const KUBE_PROXY_OBJECTS = resolve(FIXTURES, 'objects.yaml');

/** Where iptables-save wrote what it made of them. */
export const KUBE_PROXY_RULES = {
  iptables: resolve(FIXTURES, 'iptables.rules'),
  userspace: resolve(FIXTURES, 'userspace.rules'),
} as const;

/** What it made of them, in either mode. */
export function kubeProxyRules(mode: keyof typeof KUBE_PROXY_RULES): string {
  return readFileSync(KUBE_PROXY_RULES[mode], 'utf8');
}

/** The state that those objects are. */
export function stateOfKubeProxyObjects(): ServiceState {
  const list = parseDocument(readFileSync(KUBE_PROXY_OBJECTS, 'utf8')).toJS() as {
    items: { kind: string }[];
  };
  const catalog = new ServiceCatalog();
  const parsed = <T>(kind: string, parse: (value: unknown) => { outcome: string; value?: T }): T[] =>
    list.items
      .filter((item) => item.kind === kind)
      .map((item) => parse(item))
      .flatMap(({ outcome, value }) => (outcome === 'parsed' && value !== undefined ? [value] : []));
  catalog.replaceServices(parsed('Service', parseService));
  const slices = parsed('EndpointSlice', parseEndpointSlice);
  catalog.replaceSlices(slices.map((slice) => [`${slice.namespace}/${slice.name}`, [slice]]));
  return catalog.state();
}
