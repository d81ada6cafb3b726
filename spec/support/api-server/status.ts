import { RESOURCES, type ResourceName } from './resources.js';

/** A `v1.Status`, as an API server answers what it refuses. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: { readonly continue?: string };
  readonly status: 'Failure' | 'Success';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field?: string }[];
  readonly retryAfterSeconds?: number;
}

/** What a request, or a call by a spec, is refused with. */
export class ApiFailure extends Error {
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? '');
    this.status = status;
  }
}

/** The Status of a failure. */
export function failure(
  code: number,
  reason: string,
  message: string,
  details?: StatusDetails,
  metadata: Status['metadata'] = {},
): Status {
  const base = { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message, reason } as const;
  return details === undefined ? { ...base, code } : { ...base, details, code };
}

export function unauthorized(): Status {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

/** What RBAC answers to who may not do this with a resource of the whole cluster. */
export function forbidden(resource: ResourceName, user = 'system:anonymous', verb = 'list'): Status {
  const { group } = RESOURCES[resource];
  return failure(
    403,
    'Forbidden',
    `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" at the cluster scope`,
    group === '' ? { kind: resource } : { group, kind: resource },
  );
}

export function badRequest(message: string): Status {
  return failure(400, 'BadRequest', message);
}

export function internalError(message: string): Status {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`);
}

export function notFound(resource: ResourceName, name: string): Status {
  return failure(404, 'NotFound', `${qualified(resource)} "${name}" not found`, details(resource, name));
}

export function alreadyExists(resource: ResourceName, name: string): Status {
  return failure(
    409,
    'AlreadyExists',
    `${qualified(resource)} "${name}" already exists`,
    details(resource, name),
  );
}

export function conflict(resource: ResourceName, name: string): Status {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": the object has been modified; please apply your changes to the latest version and try again`;
  return failure(409, 'Conflict', message, details(resource, name));
}

/** A watch from a resourceVersion that is forgotten; `oldest` is the oldest from which one may be. */
export function tooOldResourceVersion(asked: number, oldest: number): Status {
  return failure(410, 'Expired', `too old resource version: ${asked} (${oldest})`);
}

/** A list as of a resourceVersion that is forgotten. */
export function expiredResourceVersion(): Status {
  return failure(410, 'Expired', 'The resourceVersion for the provided list is too old.');
}

/** A continue token whose list is forgotten; `inconsistent` continues with the present state. */
export function expiredContinue(inconsistent: string): Status {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
    'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
    'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
    'deleted between the time the first chunk was returned and now may show up in the list.';
  return failure(410, 'Expired', message, undefined, { continue: inconsistent });
}

/** A list not older than a resourceVersion that is yet to come: `NewTooLargeResourceVersionError` of k8s.io/apiserver. */
export function tooLargeResourceVersion(asked: number, current: number): Status {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** What a server without watch lists answers to who asks for one. */
export function watchListUnsupported(): Status {
  const cause = 'Forbidden: resourceVersionMatch is forbidden for watch';
  return failure(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: ${cause}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: [{ reason: 'FieldValueForbidden', message: cause, field: 'resourceVersionMatch' }],
  });
}

export function deleted(resource: ResourceName, name: string, uid: string): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...details(resource, name), uid },
    code: 200,
  };
}

function details(resource: ResourceName, name: string): StatusDetails {
  const { group } = RESOURCES[resource];
  return group === '' ? { name, kind: resource } : { name, group, kind: resource };
}

function qualified(resource: ResourceName): string {
  const { group } = RESOURCES[resource];
  return group === '' ? resource : `${resource}.${group}`;
}
