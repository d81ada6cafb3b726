import { RESOURCES, type ResourceName } from './resources.js';
import type { ApiObject, JsonObject, ObjectMetadata } from './stored-object.js';

/** Who writes, and when: what an API server notes of each write. */
export interface Write {
  /** `fieldManager`, or the start of the client's User-Agent. */
  readonly manager: string;
  readonly time: Date;
  readonly uid: () => string;
}

/**
 * The object as the server keeps it: in the order of fields that Go writes, with what only the server sets (uid,
 * resourceVersion, generation, creationTimestamp, managedFields). `previous` is what it replaces.
 */
export function stamped(
  resource: ResourceName,
  object: JsonObject & { metadata: JsonObject },
  previous: ApiObject | undefined,
  resourceVersion: number,
  write: Write,
): ApiObject {
  const { hasGeneration, namespaced, apiVersion } = RESOURCES[resource];
  const { metadata, kind: _kind, apiVersion: _apiVersion, ...fields } = object;
  const time = `${write.time.toISOString().slice(0, 19)}Z`;
  const { managedFields: _managedFields, generateName, labels, annotations, ...others } = metadata;
  const written: ObjectMetadata = {
    name: `${metadata.name}`,
    ...(generateName === undefined ? {} : { generateName }),
    ...(namespaced ? { namespace: `${metadata.namespace ?? 'default'}` } : {}),
    uid: previous?.metadata.uid ?? write.uid(),
    resourceVersion: `${resourceVersion}`,
    ...(hasGeneration ? { generation: generationOf(fields, previous) } : {}),
    creationTimestamp: previous?.metadata.creationTimestamp ?? time,
    ...(labels === undefined ? {} : { labels: labels as Record<string, string> }),
    ...(annotations === undefined ? {} : { annotations }),
    ...withoutServerFields(others),
    managedFields: [
      {
        manager: write.manager,
        operation: 'Update',
        apiVersion,
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: fieldsOf({ metadata: withoutUndefined({ annotations, labels }), ...fields }),
      },
    ],
  };
  return { metadata: written, ...fields };
}

/** What of an object its writer decides: two that agree in it are the same, and writing one over the other is no change. */
export function contentOf(object: JsonObject & { metadata: JsonObject }): JsonObject {
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...fields } = object;
  const { name, namespace, managedFields: _managedFields, ...others } = metadata;
  return { ...fields, metadata: { name, namespace, ...withoutServerFields(others) } };
}

function withoutServerFields(metadata: JsonObject): JsonObject {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, ...others } = metadata;
  return others;
}

function withoutUndefined(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function generationOf(fields: JsonObject, previous: ApiObject | undefined): number {
  if (previous === undefined) return 1;
  const { metadata, kind: _kind, apiVersion: _apiVersion, ...before } = previous;
  const generation = Number(metadata.generation ?? 0);
  return JSON.stringify(before) === JSON.stringify(fields) ? generation : generation + 1;
}

/** FieldsV1 as a server writes it, but for the keys of lists. */
function fieldsOf(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [`f:${name}`, fieldsOf(field)]));
}
