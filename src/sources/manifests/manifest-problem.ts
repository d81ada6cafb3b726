import type { ErrorCode } from '../../model/errors.js';

/** Something that is wrong in or with a manifest. */
export interface ManifestProblem {
  readonly code: Extract<ErrorCode, `MANIFEST_${string}`>;
  /** From 1; null where it is the file as a whole. */
  readonly line: number | null;
  /** The field and what is wrong with it: `spec.ports[0].port: 70000 is not a port; give 1 to 65535`. */
  readonly text: string;
  /** The object it is about, where that is known: `Service default/web`. */
  readonly object: string | null;
}

/** A problem of a file as a whole. */
export function fileProblem(code: ManifestProblem['code'], text: string): ManifestProblem {
  return { code, line: null, text, object: null };
}

/** `services.yaml:14: spec.ports[0].port: 70000 is not a port; give 1 to 65535`. */
export function problemText(path: string, { line, text }: ManifestProblem): string {
  return line === null ? `${path}: ${text}` : `${path}:${line}: ${text}`;
}
