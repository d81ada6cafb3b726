import { mapping } from './defaults.js';
import { ApiFailure, badRequest, failure } from './status.js';
import type { JsonObject } from './stored-object.js';

/** What a strategic merge patch merges lists by; all other lists it replaces (`patchMergeKey` of the Kubernetes types). */
const MERGE_KEYS: Readonly<Record<string, string>> = { ports: 'port' };

/**
 * The object after a patch of this media type: JSON patch (RFC 6902), JSON merge patch (RFC 7386), or a strategic merge patch
 * as far as Services need it.
 *
 * @throws ApiFailure for any other media type, and for a patch that does not apply.
 */
export function patched(object: JsonObject, patch: unknown, mediaType: string): JsonObject {
  switch (mediaType) {
    case 'application/json-patch+json':
      return mapping(jsonPatched(structuredClone(object), patch));
    case 'application/merge-patch+json':
      return mapping(mergePatched(object, patch));
    case 'application/strategic-merge-patch+json':
      return mapping(strategicallyMerged(object, patch));
    default:
      throw new ApiFailure(
        failure(
          415,
          'UnsupportedMediaType',
          'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json',
        ),
      );
  }
}

export function mergePatched(present: unknown, patch: unknown): unknown {
  if (!isMapping(patch)) return patch;
  const merged: JsonObject = { ...mapping(present) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatched(merged[name], value);
  }
  return merged;
}

function strategicallyMerged(present: unknown, patch: unknown): unknown {
  if (!isMapping(patch)) return patch;
  const { $patch: directive, ...fields } = patch;
  const merged: JsonObject = directive === 'replace' ? {} : { ...mapping(present) };
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith('$')) continue;
    const mergeKey = MERGE_KEYS[name];
    if (value === null) delete merged[name];
    else if (mergeKey !== undefined && Array.isArray(value))
      merged[name] = mergedList(merged[name], value.map(mapping), mergeKey);
    else merged[name] = strategicallyMerged(merged[name], value);
  }
  return merged;
}

function mergedList(present: unknown, patches: readonly JsonObject[], key: string): JsonObject[] {
  let items = Array.isArray(present) ? present.map(mapping) : [];
  for (const patch of patches) {
    if (patch.$patch === 'replace') {
      items = [];
      continue;
    }
    const index = items.findIndex((item) => item[key] === patch[key]);
    if (patch.$patch === 'delete') items = items.filter((_, at) => at !== index);
    else if (index < 0) items.push(mapping(strategicallyMerged({}, patch)));
    else items[index] = mapping(strategicallyMerged(items[index], patch));
  }
  return items;
}

/** Adds, replaces, removes and tests; moving and copying nobody does to a Service. */
function jsonPatched(object: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new ApiFailure(badRequest('a JSON patch is a list'));
  for (const operation of patch.map(mapping)) apply(object, operation);
  return object;
}

function apply(object: unknown, { op, path, value }: JsonObject): void {
  const names = `${path}`
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = names.pop() ?? '';
  const parent = names.reduce((at: unknown, name) => (at as JsonObject | undefined)?.[name], object);
  if (typeof parent !== 'object' || parent === null) throw doesNotApply(path);
  const fields = parent as JsonObject;
  const isPresent = Object.hasOwn(fields, last);
  if (op !== 'add' && !isPresent) throw doesNotApply(path);
  if (op === 'test') {
    if (JSON.stringify(fields[last]) !== JSON.stringify(value)) throw doesNotApply(path);
  } else if (op === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete fields[last];
  } else if (op === 'add' && Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  } else if (op === 'add' || op === 'replace') {
    fields[last] = value;
  } else throw doesNotApply(path);
}

function doesNotApply(path: unknown): ApiFailure {
  return new ApiFailure(
    failure(422, 'Invalid', `the server rejected our request due to an error in our request: ${path}`),
  );
}

function isMapping(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
