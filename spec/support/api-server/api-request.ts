import type { IncomingHttpHeaders } from 'node:http';
import { isResourceName, RESOURCES, type ResourceName } from './resources.js';

/** What a request asks for: a verb of the Kubernetes API, or `other` for what is about the server itself. */
export type RequestKind = 'list' | 'watch' | 'get' | 'create' | 'update' | 'patch' | 'delete' | 'other';

/** A request as the server saw it. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** When it came, ms of `performance.now()`. */
  readonly at: number;
  readonly kind: RequestKind;
  readonly resource: ResourceName | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** What was answered; undefined where nothing is, yet. */
  readonly status: number | undefined;
}

/** Selects requests: every field that is given is equal, of `query` and `headers` each entry. */
export type RequestMatcher =
  | ((request: ApiRequest) => boolean)
  | {
      readonly method?: string;
      readonly path?: string;
      readonly kind?: RequestKind;
      readonly resource?: ResourceName;
      readonly namespace?: string;
      readonly name?: string;
      readonly status?: number;
      readonly query?: Readonly<Record<string, string>>;
      readonly headers?: Readonly<Record<string, string>>;
    };

export function matches(request: ApiRequest, matcher: RequestMatcher): boolean {
  if (typeof matcher === 'function') return matcher(request);
  const { query = {}, headers = {}, ...fields } = matcher;
  return isPart(fields, request) && isPart(query, request.query) && isPart(headers, request.headers);
}

function isPart(part: object, whole: object): boolean {
  const values = new Map<string, unknown>(Object.entries(whole));
  return Object.entries(part).every(([name, value]) => values.get(name) === value);
}

/** Reads what a method and a request target ask for. */
export function readRequest(
  method: string,
  target: string,
  headers: IncomingHttpHeaders,
  at: number,
): ApiRequest {
  const { pathname, searchParams } = new URL(target, 'http://api');
  const query = Object.fromEntries(searchParams);
  const place = placeOf(pathname);
  return {
    method,
    path: pathname,
    query,
    headers,
    at,
    kind: place.resource === undefined ? 'other' : kindOf(method, place.name, query),
    ...place,
    status: undefined,
  };
}

function kindOf(method: string, name: string | undefined, query: ApiRequest['query']): RequestKind {
  switch (method) {
    case 'GET':
      if (query.watch === 'true' || query.watch === '1') return 'watch';
      return name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    default:
      return 'other';
  }
}

type Place = Pick<ApiRequest, 'resource' | 'namespace' | 'name'>;

const NOWHERE: Place = { resource: undefined, namespace: undefined, name: undefined };

function placeOf(path: string): Place {
  const [, apiVersion, rest = ''] = /^\/(?:api|apis)\/(v1|discovery\.k8s\.io\/v1)\/(.+)$/.exec(path) ?? [];
  if (apiVersion === undefined) return NOWHERE;
  const [first = '', ...others] = rest.split('/').map(decodeURIComponent);
  const isInNamespace = first === 'namespaces' && others.length > 1 && others[1] !== 'status';
  const [namespace, ...parts] = isInNamespace ? others : [undefined, first, ...others];
  const [resource = '', name, subresource] = parts;
  if (!isResourceName(resource) || RESOURCES[resource].apiVersion !== apiVersion) return NOWHERE;
  if (subresource !== undefined && subresource !== 'status') return NOWHERE;
  if (RESOURCES[resource].namespaced && namespace === undefined && name !== undefined) return NOWHERE;
  return { resource, namespace, name };
}
