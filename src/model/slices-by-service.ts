import type { EndpointSlice } from './endpoint-slice.js';

/** `namespace/name`. */
export type ServiceKey = `${string}/${string}`;

export function serviceKey({ namespace, name }: { namespace: string; name: string }): ServiceKey {
  return `${namespace}/${name}`;
}

const NOBODY: ReadonlySet<ServiceKey> = new Set();

/** The slices of each object that has some, found by the object and by the Service they belong to. */
export class SlicesByService {
  readonly #slicesOf = new Map<string, readonly EndpointSlice[]>();
  /** By Service, the keys of the objects that have slices of it. */
  readonly #objectsOf = new Map<ServiceKey, Set<string>>();

  /**
   * Takes the slices that an object has now, none where it is gone.
   *
   * @returns the Services that slices of it belong to, or did until now; none where nothing is different, as most often
   *   when a list is read again, or when only an annotation changed.
   */
  set(object: string, slices: readonly EndpointSlice[]): ReadonlySet<ServiceKey> {
    const held = this.#slicesOf.get(object) ?? [];
    if (sameList(held, slices, sameSlice)) return NOBODY;
    const before = ownersOf(held);
    const after = ownersOf(slices);
    if (slices.length === 0) this.#slicesOf.delete(object);
    else this.#slicesOf.set(object, slices);
    for (const service of before) if (!after.has(service)) this.#unlink(service, object);
    for (const service of after) if (!before.has(service)) this.#link(service, object);
    return new Set([...before, ...after]);
  }

  /** The keys of all objects that have slices. */
  objects(): Iterable<string> {
    return this.#slicesOf.keys();
  }

  /** The slices of a Service, whatever object they are of. */
  of(service: ServiceKey): readonly EndpointSlice[] {
    const found: EndpointSlice[] = [];
    for (const object of this.#objectsOf.get(service) ?? [])
      for (const slice of this.#slicesOf.get(object) ?? []) if (ownerOf(slice) === service) found.push(slice);
    return found;
  }

  #link(service: ServiceKey, object: string): void {
    const objects = this.#objectsOf.get(service);
    if (objects === undefined) this.#objectsOf.set(service, new Set([object]));
    else objects.add(object);
  }

  #unlink(service: ServiceKey, object: string): void {
    const objects = this.#objectsOf.get(service);
    objects?.delete(object);
    if (objects?.size === 0) this.#objectsOf.delete(service);
  }
}

/** Whatever they were changed for: with the same endpoints nothing has changed. */
function sameSlice(one: EndpointSlice, other: EndpointSlice): boolean {
  const { ports, endpoints, triggeredAt: _, ...fields } = one;
  const { ports: otherPorts, endpoints: otherEndpoints, triggeredAt: __, ...otherFields } = other;
  return (
    sameFields(fields, otherFields) &&
    sameList(ports, otherPorts, sameFields) &&
    sameList(endpoints, otherEndpoints, sameFields)
  );
}

function sameList<T>(one: readonly T[], other: readonly T[], same: (one: T, other: T) => boolean): boolean {
  return (
    one.length === other.length &&
    one.every((item, index) => {
      const beside = other[index];
      return beside !== undefined && same(item, beside);
    })
  );
}

/** By identity: two that are equal and not the same are taken for different, which costs work and nothing else. */
function sameFields<T extends object>(one: T, other: T): boolean {
  for (const field in one) if (one[field] !== other[field]) return false;
  return true;
}

function ownersOf(slices: readonly EndpointSlice[]): ReadonlySet<ServiceKey> {
  return new Set(slices.map(ownerOf));
}

function ownerOf({ namespace, service }: EndpointSlice): ServiceKey {
  return serviceKey({ namespace, name: service });
}
