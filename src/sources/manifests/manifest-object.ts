import { type EndpointSlice, parseEndpointSlice } from '../../model/endpoint-slice.js';
import { Field } from '../../model/field.js';
import { type FieldError, type FieldPath, fieldPathText } from '../../model/field-error.js';
import type { Parsed } from '../../model/kubernetes-object.js';
import { parseEndpoints } from '../../model/legacy-endpoints.js';
import { parseService, type Service } from '../../model/service.js';
import type { ManifestProblem } from './manifest-problem.js';

/** An object of a manifest, as it is used. `id` is its kind, namespace and name: `Service default/web`. */
export type ManifestObject =
  | { readonly kind: 'Service'; readonly id: string; readonly service: Service }
  | { readonly kind: 'endpoints'; readonly id: string; readonly slices: readonly EndpointSlice[] };

/** Something to tell at this `-v` level that is no error: an object that is not for this proxy. */
export interface Remark {
  readonly level: 2 | 4;
  readonly text: string;
}

/** What was found in a manifest, or in a part of one. */
export interface Findings {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly ManifestProblem[];
  readonly remarks: readonly Remark[];
}

export const NOTHING: Findings = { objects: [], problems: [], remarks: [] };

/** What an object says it is. */
export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Where an object stands in its document. */
export interface Place {
  readonly path: FieldPath;
  /** The line of a field of the document. */
  lineOf(path: FieldPath): number;
}

/** What an object is: by its own word, else as an item of a list of such; or what is wrong with its word. */
export function typeMetaOf(value: unknown, inherited?: TypeMeta): TypeMeta | { errors: FieldError[] } {
  const object = Field.root(value);
  const { errors } = object;
  if (!object.present) object.missing('give an object');
  if (!object.mapping()) return { errors };
  const read = (key: keyof TypeMeta): string => {
    const field = object.child(key);
    if (!field.present && inherited === undefined) field.missing('every object has one');
    return field.text() ?? inherited?.[key] ?? '';
  };
  const meta = { apiVersion: read('apiVersion'), kind: read('kind') };
  return errors.length > 0 ? { errors } : meta;
}

/** Reads one object; those of kinds that are not used are only remarked. */
export function readObject(value: unknown, meta: TypeMeta, place: Place): Findings {
  const id = idOf(value, meta);
  switch (`${meta.apiVersion}/${meta.kind}`) {
    case 'v1/Service':
      return findingsOf(parseService(value), id, place, (service) => ({ kind: 'Service', id, service }));
    case 'discovery.k8s.io/v1/EndpointSlice':
      return findingsOf(parseEndpointSlice(value), id, place, (slice) => ({
        kind: 'endpoints',
        id,
        slices: [slice],
      }));
    case 'v1/Endpoints':
      return findingsOf(parseEndpoints(value), id, place, (slices) => ({ kind: 'endpoints', id, slices }));
    default:
      return remarked(4, [`${id} (${meta.apiVersion}) is of a kind that is not used here`]);
  }
}

/** What is wrong with an object, as problems of its manifest. */
export function invalidObject(errors: readonly FieldError[], object: string | null, place: Place): Findings {
  const problems = errors.map((error): ManifestProblem => {
    const path = [...place.path, ...error.path];
    const field = fieldPathText(path);
    const text = field === '' ? error.message : `${field}: ${error.message}`;
    return { code: 'MANIFEST_INVALID', line: place.lineOf(path), text, object };
  });
  return { ...NOTHING, problems };
}

function findingsOf<T>(
  parsed: Parsed<T>,
  id: string,
  place: Place,
  use: (value: T) => ManifestObject,
): Findings {
  switch (parsed.outcome) {
    case 'invalid':
      return invalidObject(parsed.errors, id, place);
    case 'skipped':
      return remarked(2, [`${id} is left out: ${parsed.reason}`]);
    case 'parsed': {
      const { remarks } = remarked(
        2,
        parsed.notes.map((note) => `${id}: ${note}`),
      );
      return { ...NOTHING, objects: [use(parsed.value)], remarks };
    }
  }
}

function remarked(level: 2 | 4, texts: readonly string[]): Findings {
  return { ...NOTHING, remarks: texts.map((text) => ({ level, text })) };
}

/** `Service default/web`, as far as it can be told: an object with errors is named too. */
function idOf(value: unknown, { kind }: TypeMeta): string {
  const metadata = Field.root(value).child('metadata');
  const text = (key: string, otherwise: string): string => {
    const { value: found } = metadata.child(key);
    return typeof found === 'string' && found !== '' ? found : otherwise;
  };
  return `${kind} ${text('namespace', 'default')}/${text('name', '?')}`;
}
