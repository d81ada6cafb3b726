/** Whether a value that came from elsewhere is what it should be. */
export type Guard<T> = (value: unknown) => value is T;
export type Guards<T> = { readonly [Name in keyof T]-?: Guard<T[Name]> };

export function isString(value: unknown): value is string {
  return typeof value === 'string';
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

export function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

export function nullOr<T>(guard: Guard<T>): Guard<T | null> {
  return (value): value is T | null => value === null || guard(value);
}

export function oneOf<const T extends string>(...words: readonly T[]): Guard<T> {
  const known: ReadonlySet<unknown> = new Set(words);
  return (value): value is T => known.has(value);
}

export function listOf<T>(guard: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(guard);
}

/**
 * An object with these fields, and maybe others. The compiler holds the fields to those of `T`: one that is forgotten does not
 * compile.
 */
export function objectOf<T extends object>(fields: Guards<T>): Guard<T> {
  const guards: readonly [string, (value: unknown) => boolean][] = Object.entries(fields);
  return (value): value is T => {
    if (typeof value !== 'object' || value === null) return false;
    const found = new Map<string, unknown>(Object.entries(value));
    return guards.every(([name, guard]) => guard(found.get(name)));
  };
}
