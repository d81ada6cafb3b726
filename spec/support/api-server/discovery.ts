import { RESOURCE_NAMES, RESOURCES, type Resource } from './resources.js';

const DISCOVERY_GROUP = 'discovery.k8s.io';
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export interface DiscoveryOptions {
  /** Whether `discovery.k8s.io/v1` is served: since Kubernetes 1.21. */
  readonly servesSlices: boolean;
  /** What `/version` calls the server. */
  readonly gitVersion: string;
}

/** What the server says of itself at this path; undefined where there is nothing. */
export function discoveryDocument(path: string, options: DiscoveryOptions): object | undefined {
  const { servesSlices } = options;
  switch (path) {
    case '/version':
      return version(options.gitVersion);
    case '/api':
      return {
        kind: 'APIVersions',
        versions: ['v1'],
        serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
      };
    case '/api/v1':
      return resourceList('v1');
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: servesSlices ? [discoveryGroup()] : [] };
    case '/openapi/v3':
      return {
        paths: Object.fromEntries(
          groupPaths(servesSlices).map((at) => [at, { serverRelativeURL: `/openapi/v3/${at}` }]),
        ),
      };
    default:
      return ofGroup(path, servesSlices);
  }
}

function ofGroup(path: string, servesSlices: boolean): object | undefined {
  const openApi = /^\/openapi\/v3\/(.*)$/.exec(path)?.[1];
  if (openApi !== undefined && groupPaths(servesSlices).includes(openApi)) return openApiDocument(openApi);
  if (!servesSlices) return undefined;
  if (path === `/apis/${DISCOVERY_GROUP}`) return { kind: 'APIGroup', apiVersion: 'v1', ...discoveryGroup() };
  if (path === `/apis/${DISCOVERY_GROUP}/v1`) return resourceList(`${DISCOVERY_GROUP}/v1`);
  return undefined;
}

function version(gitVersion: string): object {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'go1.19.8',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}

function discoveryGroup(): object {
  const groupVersion = { groupVersion: `${DISCOVERY_GROUP}/v1`, version: 'v1' };
  return { name: DISCOVERY_GROUP, versions: [groupVersion], preferredVersion: groupVersion };
}

function resourceList(groupVersion: 'v1' | 'discovery.k8s.io/v1'): object {
  return {
    kind: 'APIResourceList',
    // The core group's list has none: it is older than that field.
    ...(groupVersion === 'v1' ? {} : { apiVersion: 'v1' }),
    groupVersion,
    resources: resourcesOf(groupVersion).map(({ name, namespaced, kind, shortNames }) => ({
      name,
      singularName: '',
      namespaced,
      kind,
      verbs: VERBS,
      ...(shortNames.length === 0 ? {} : { shortNames }),
    })),
  };
}

function resourcesOf(groupVersion: string): Resource[] {
  return RESOURCE_NAMES.map((name) => RESOURCES[name]).filter(
    ({ apiVersion }) => apiVersion === groupVersion,
  );
}

function groupPaths(servesSlices: boolean): string[] {
  return servesSlices ? ['api/v1', `apis/${DISCOVERY_GROUP}/v1`] : ['api/v1'];
}

/** As much as kubectl reads before it leaves the validation of fields to the server: which kinds can be patched with it. */
function openApiDocument(path: string): object {
  const paths = resourcesOf(path.replace(/^apis?\//, '')).map(({ name, namespaced, kind, group }) => [
    `/${path}/${namespaced ? 'namespaces/{namespace}/' : ''}${name}/{name}`,
    {
      patch: {
        'x-kubernetes-group-version-kind': { group, version: 'v1', kind },
        parameters: [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }],
      },
    },
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: Object.fromEntries(paths),
  };
}
