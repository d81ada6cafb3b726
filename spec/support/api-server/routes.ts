import type { Answer } from './answer.js';
import type { ApiRequest } from './api-request.js';
import type { ClusterObjects } from './cluster-objects.js';
import { mapping } from './defaults.js';
import { type DiscoveryOptions, discoveryDocument } from './discovery.js';
import { type ListRequest, listText } from './list.js';
import { RESOURCES, type ResourceName } from './resources.js';
import { allOf, fieldSelector, labelSelector, type Selector } from './selectors.js';
import { ApiFailure, badRequest, deleted, failure, type Status } from './status.js';
import { type JsonObject, objectKey, objectText } from './stored-object.js';
import { Watch, type WatchOptions } from './watch.js';

export interface RoutesOptions extends DiscoveryOptions, WatchOptions {
  /** Called with each watch before it is opened. */
  readonly onWatch: (watch: Watch) => void;
}

/** Answers a request that is allowed; what the API refuses becomes a Status. */
export function route(
  objects: ClusterObjects,
  request: ApiRequest,
  body: string,
  answer: Answer,
  options: RoutesOptions,
): void {
  try {
    if (request.resource === undefined) answerAboutServer(request, answer, options);
    else if (request.resource === 'endpointslices' && !options.servesSlices) answerNothingThere(answer);
    else answerOfResource(objects, request, request.resource, body, answer, options);
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    sendStatus(answer, error.status);
  }
}

/** Sends a Status, with Retry-After where it tells when to come again. */
export function sendStatus(answer: Answer, status: Status): void {
  const seconds = status.details?.retryAfterSeconds;
  const headers = seconds === undefined ? {} : { 'retry-after': `${seconds}` };
  answer.whole(status.code, `${JSON.stringify(status)}\n`, 'application/json', headers);
}

function answerAboutServer({ path }: ApiRequest, answer: Answer, options: RoutesOptions): void {
  if (/^\/(healthz|readyz|livez)$/.test(path)) {
    answer.whole(200, 'ok', 'text/plain; charset=utf-8');
    return;
  }
  const document = discoveryDocument(path, options);
  if (document === undefined) answerNothingThere(answer);
  else answer.whole(200, `${JSON.stringify(document)}\n`);
}

/** What Go's multiplexer says of a path that nobody serves: no Status. */
function answerNothingThere(answer: Answer): void {
  answer.whole(404, '404 page not found\n', 'text/plain; charset=utf-8');
}

function answerOfResource(
  objects: ClusterObjects,
  request: ApiRequest,
  resource: ResourceName,
  body: string,
  answer: Answer,
  options: RoutesOptions,
): void {
  if (request.kind === 'watch') {
    const watch = new Watch(objects.store, listRequest(request, resource), answer, options);
    options.onWatch(watch);
    watch.open();
  } else {
    const { code, text } = outcome(objects, request, resource, body);
    answer.whole(code, text);
  }
}

interface Outcome {
  readonly code: number;
  readonly text: string;
}

function outcome(
  objects: ClusterObjects,
  request: ApiRequest,
  resource: ResourceName,
  body: string,
): Outcome {
  const { kind, namespace, name, query, headers } = request;
  const key = objectKey(resource, name ?? '', namespace ?? '');
  const manager = query.fieldManager ?? /^[^/]*/.exec(headers['user-agent'] ?? '')?.[0] ?? 'unknown';
  switch (kind) {
    case 'list':
      return { code: 200, text: listText(objects.store, listRequest(request, resource)) };
    case 'get':
      return { code: 200, text: `${objectText(objects.store.require(resource, key))}\n` };
    case 'create':
      return json(201, objects.create(resource, placed(request, resource, body), manager));
    case 'update':
      return json(200, objects.update(resource, placed(request, resource, body), manager));
    case 'patch': {
      const mediaType = `${headers['content-type'] ?? ''}`.split(';')[0] ?? '';
      return json(200, objects.patch(resource, key, parsed(body), mediaType, manager));
    }
    case 'delete': {
      const last = objects.delete(resource, key);
      // A Service comes back as it was, of others only a Status (`ReturnDeletedObject` of k8s.io/apiserver).
      return json(
        200,
        resource === 'services' ? last : deleted(resource, last.metadata.name, last.metadata.uid),
      );
    }
    default:
      throw new ApiFailure(
        failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'),
      );
  }
}

function listRequest({ namespace, name, query }: ApiRequest, resource: ResourceName): ListRequest {
  const selectors: Selector[] = [];
  if (query.labelSelector) selectors.push(labelSelector(query.labelSelector));
  if (query.fieldSelector) selectors.push(fieldSelector(query.fieldSelector));
  if (name !== undefined) selectors.push((object) => object.name === name);
  return { resource, namespace, selector: allOf(selectors), query };
}

/** The object in a body: of the namespace and the name in the path, unless it says another. */
function placed({ namespace, name }: ApiRequest, resource: ResourceName, body: string): JsonObject {
  const object = mapping(parsed(body));
  const metadata = mapping(object.metadata);
  if (RESOURCES[resource].namespaced) {
    if (namespace === undefined)
      throw new ApiFailure(failure(405, 'MethodNotAllowed', 'a namespace is needed'));
    if (metadata.namespace !== undefined && metadata.namespace !== namespace)
      throw new ApiFailure(
        badRequest('the namespace of the provided object does not match the namespace sent on the request'),
      );
  }
  if (name !== undefined && metadata.name !== name)
    throw new ApiFailure(badRequest('the name of the object does not match the name on the URL'));
  return { ...object, metadata: { ...metadata, ...(namespace === undefined ? {} : { namespace }) } };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiFailure(badRequest("couldn't get version/kind; json parse error"));
  }
}

function json(code: number, value: object): Outcome {
  return { code, text: `${JSON.stringify(value)}\n` };
}
