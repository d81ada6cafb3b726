import { RESOURCES, type ResourceName } from './resources.js';
import type { Selectable } from './selectors.js';

/** A JSON object, as a spec writes it and a client sends it. */
export type JsonObject = Record<string, unknown>;

/** The metadata that every object of the server has. */
export interface ObjectMetadata extends JsonObject {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  labels?: Record<string, string>;
}

/** An object as a client gets it. */
export interface ApiObject extends JsonObject {
  metadata: ObjectMetadata;
}

/** An object of the store at one resourceVersion: its JSON, and of it what selectors and keys are made of. */
export interface StoredObject extends Selectable {
  readonly resource: ResourceName;
  /** `namespace/name`, or the name alone where there are no namespaces: the end of its key in etcd. */
  readonly key: string;
  readonly resourceVersion: number;
  /** Without `kind` and `apiVersion`: as it stands in a list. */
  readonly itemText: string;
}

export function objectKey(resource: ResourceName, name: string, namespace: string): string {
  return RESOURCES[resource].namespaced ? `${namespace}/${name}` : name;
}

export function storedObject(resource: ResourceName, object: ApiObject): StoredObject {
  const { kind: _kind, apiVersion: _apiVersion, ...item } = object;
  const { name, namespace = '', resourceVersion, labels = {} } = object.metadata;
  return {
    resource,
    key: objectKey(resource, name, namespace),
    name,
    namespace,
    labels,
    resourceVersion: Number(resourceVersion),
    itemText: JSON.stringify(item),
  };
}

/** The JSON of an object outside a list. */
export function objectText({ resource, itemText }: StoredObject): string {
  const { kind, apiVersion } = RESOURCES[resource];
  return `{"kind":"${kind}","apiVersion":"${apiVersion}",${itemText.slice(1)}`;
}

export function parsedObject(stored: StoredObject): ApiObject {
  return JSON.parse(objectText(stored)) as ApiObject;
}

/** The same object, said to be of another resourceVersion. */
export function atResourceVersion(stored: StoredObject, resourceVersion: number): StoredObject {
  const object = parsedObject(stored);
  object.metadata.resourceVersion = `${resourceVersion}`;
  return storedObject(stored.resource, object);
}
