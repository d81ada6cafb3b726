import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ClusterAddresses } from './cluster-addresses.js';
import { mapping, withDefaults } from './defaults.js';
import { contentOf, stamped, type Write } from './object-metadata.js';
import { ObjectStore } from './object-store.js';
import { patched } from './patch.js';
import { RESOURCES, type ResourceName } from './resources.js';
import { ApiFailure, badRequest, failure } from './status.js';
import {
  type ApiObject,
  atResourceVersion,
  type JsonObject,
  objectKey,
  parsedObject,
  type StoredObject,
  storedObject,
} from './stored-object.js';

const MERGE_PATCH = 'application/merge-patch+json';
/** Who writes where a spec does so itself. */
const SPEC = 'spec';

type NamedObject = JsonObject & { metadata: JsonObject & { name: string } };

/**
 * What an API server does with objects on the way to etcd: it fills in defaults, stamps metadata, refuses what conflicts,
 * and writes nothing where nothing changes.
 */
export class ClusterObjects {
  readonly store = new ObjectStore();
  /** ClusterIPs and NodePorts in use, each by the number of Services that have it. */
  readonly #inUse = new Map<string, number>();
  readonly #addresses = new ClusterAddresses((text) => this.#inUse.has(text));

  constructor() {
    this.store.subscribe('services', ({ object, previous, isDeletion }) => {
      if (previous !== undefined) this.#count(previous, -1);
      if (!isDeletion) this.#count(object, 1);
    });
  }

  get(resource: ResourceName, key: string): ApiObject {
    return parsedObject(this.store.require(resource, key));
  }

  /** @throws ApiFailure AlreadyExists, Invalid */
  create(resource: ResourceName, object: JsonObject, manager = SPEC): ApiObject {
    const { key, named } = identified(resource, object);
    if (named.metadata.resourceVersion !== undefined)
      throw new ApiFailure(badRequest('resourceVersion should not be set on objects to be created'));
    const write = writeOf(manager);
    const complete = {
      ...withDefaults(resource, named, undefined, this.#addresses),
      metadata: named.metadata,
    };
    return parsedObject(
      this.store.create(resource, key, (version) =>
        storedObject(resource, stamped(resource, complete, undefined, version, write)),
      ),
    );
  }

  /** Replaces the object of that name. A resourceVersion in it is a condition. @throws ApiFailure NotFound, Conflict */
  update(resource: ResourceName, object: JsonObject, manager = SPEC): ApiObject {
    const { key, named } = identified(resource, object);
    const present = this.get(resource, key);
    const complete = { ...withDefaults(resource, named, present, this.#addresses), metadata: named.metadata };
    const { resourceVersion } = named.metadata;
    const expected = resourceVersion === undefined ? undefined : Number(resourceVersion);
    const isSame = isDeepStrictEqual(contentOf(complete), contentOf(present));
    if (isSame && (expected === undefined || `${expected}` === present.metadata.resourceVersion))
      return present;
    const write = writeOf(manager);
    return parsedObject(
      this.store.update(resource, key, expected, (version) =>
        storedObject(resource, stamped(resource, complete, present, version, write)),
      ),
    );
  }

  /** Changes the object of this key (`namespace/name`, or a node's name). @throws ApiFailure NotFound, Invalid */
  patch(
    resource: ResourceName,
    key: string,
    patch: unknown,
    mediaType = MERGE_PATCH,
    manager = SPEC,
  ): ApiObject {
    return this.update(resource, patched(this.get(resource, key), patch, mediaType), manager);
  }

  /** Returns the object as it was last, at the resourceVersion at which it went. @throws ApiFailure NotFound */
  delete(resource: ResourceName, key: string): ApiObject {
    return parsedObject(this.store.delete(resource, key, atResourceVersion));
  }

  #count(stored: StoredObject, step: 1 | -1): void {
    const { clusterIP, ports } = mapping(parsedObject(stored).spec);
    const nodePorts = Array.isArray(ports) ? ports.map((port) => mapping(port).nodePort) : [];
    for (const used of [clusterIP, ...nodePorts].filter((value) => value !== undefined)) {
      const count = (this.#inUse.get(`${used}`) ?? 0) + step;
      if (count > 0) this.#inUse.set(`${used}`, count);
      else this.#inUse.delete(`${used}`);
    }
  }
}

function identified(resource: ResourceName, object: JsonObject): { key: string; named: NamedObject } {
  const { kind, namespaced } = RESOURCES[resource];
  if (object.kind !== undefined && object.kind !== kind)
    throw new ApiFailure(
      badRequest(`${object.kind} in version "${object.apiVersion}" cannot be handled as a ${kind}`),
    );
  const metadata = mapping(object.metadata);
  const { generateName } = metadata;
  const name =
    metadata.name ?? (generateName === undefined ? undefined : `${generateName}${randomUUID().slice(0, 5)}`);
  if (typeof name !== 'string' || name === '')
    throw new ApiFailure(
      failure(
        422,
        'Invalid',
        `${kind} "" is invalid: metadata.name: Required value: name or generateName is required`,
      ),
    );
  const namespace = namespaced ? { namespace: `${metadata.namespace ?? 'default'}` } : {};
  const named = { ...object, metadata: { ...metadata, name, ...namespace } };
  return { key: objectKey(resource, name, namespace.namespace ?? ''), named };
}

function writeOf(manager: string): Write {
  return { manager, time: new Date(), uid: randomUUID };
}
