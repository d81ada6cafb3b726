import { resolve } from 'node:path';
import { type Field, isMapping } from '../../../model/field.js';
import { fieldPathText } from '../../../model/field-error.js';

/** The file that fields are of. */
export interface KubeconfigFile {
  /** For messages. */
  readonly name: string;
  /** Absolute; relative paths in the file begin here. */
  readonly directory: string;
}

/** The text of a field, or null where it is absent or empty, as Go writes a field that is not set. */
export function textOf(field: Field): string | null {
  return field.text() || null;
}

/** As `textOf`, for what must never be shown. */
export function secretOf(field: Field): string | null {
  if (typeof field.value === 'string') return field.value || null;
  if (field.present) field.report('is not text; put it in quotes');
  return null;
}

/** The mapping that is there, or null; what is there instead is reported, and not shown. */
export function mappingAt(field: Field): Readonly<Record<string, unknown>> | null {
  if (isMapping(field.value)) return field.value;
  if (field.present) field.report('is not a mapping');
  return null;
}

/** The texts of a list, none where it is absent. None is shown. */
export function textsOf(list: Field): string[] {
  if (!list.present) return [];
  if (Array.isArray(list.value)) return list.items().flatMap((item) => secretOf(item) ?? []);
  list.report('is not a list');
  return [];
}

/** The absolute path that a field names, or null. */
export function pathOf(field: Field, file: KubeconfigFile): string | null {
  const path = textOf(field);
  return path === null ? null : resolve(file.directory, path);
}

/**
 * True where there is PEM by this name: `NAME-data`, in base64, or a file. Reports data that is not base64: Node would
 * drop what is none, and say nothing.
 */
export function hasPem(parent: Field, name: string): boolean {
  const dataField = parent.child(`${name}-data`);
  const data = secretOf(dataField);
  if (data === null) return Boolean(parent.child(name).value);
  const text = data.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) dataField.report('is not base64');
  return true;
}

export function placeOf(field: Field, file: KubeconfigFile): string {
  return `${file.name}: ${fieldPathText(field.path)}`;
}
