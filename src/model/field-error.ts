/** The way from an object's root to one of its fields: `['spec', 'ports', 0, 'port']`. */
export type FieldPath = readonly (string | number)[];

/** What is wrong with one field of an object, and what it takes instead. */
export interface FieldError {
  readonly path: FieldPath;
  readonly message: string;
}

/** A path as Kubernetes writes it: `spec.ports[0].port`. Keys that hold dots or the like are quoted: `labels["a.b/c"]`. */
export function fieldPathText(path: FieldPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}
