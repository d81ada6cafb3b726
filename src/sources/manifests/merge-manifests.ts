import type { EndpointSlice } from '../../model/endpoint-slice.js';
import type { Service } from '../../model/service.js';
import type { ManifestFile } from './manifest-file.js';
import type { ManifestProblem } from './manifest-problem.js';

/** All manifests as one. */
export interface MergedManifests {
  readonly services: readonly Service[];
  /** By the id of their object. */
  readonly slices: ReadonlyMap<string, readonly EndpointSlice[]>;
  /** By path of the file whose object is not used. */
  readonly duplicates: ReadonlyMap<string, readonly ManifestProblem[]>;
}

/** Takes the objects of the files, in their order; of an object that is there more than once, the first. */
export function mergeManifests(files: readonly Pick<ManifestFile, 'path' | 'objects'>[]): MergedManifests {
  const firsts = new Map<string, string>();
  const services: Service[] = [];
  const slices = new Map<string, readonly EndpointSlice[]>();
  const duplicates = new Map<string, ManifestProblem[]>();
  for (const { path, objects } of files) {
    for (const object of objects) {
      const first = firsts.get(object.id);
      if (first !== undefined) {
        const others = duplicates.get(path) ?? [];
        others.push(duplicateOf(object.id, first, path));
        duplicates.set(path, others);
        continue;
      }
      firsts.set(object.id, path);
      if (object.kind === 'Service') services.push(object.service);
      else slices.set(object.id, object.slices);
    }
  }
  return { services, slices, duplicates };
}

function duplicateOf(id: string, first: string, path: string): ManifestProblem {
  const where = first === path ? 'further up' : `in ${first}`;
  return {
    code: 'MANIFEST_DUPLICATE',
    line: null,
    text: `${id} is ${where} already; that one is used`,
    object: id,
  };
}
