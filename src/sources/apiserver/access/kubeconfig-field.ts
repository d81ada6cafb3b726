import { resolve } from 'node:path';
import { type Field, isMapping } from '../../../model/field.js';
import { fieldPathText } from '../../../model/field-error.js';
import type { PemText } from './pem.js';

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

/** True where the field is a mapping; what is there instead is reported, and not shown. */
export function isMappingAt(field: Field): boolean {
  const holds = isMapping(field.value);
  if (!holds && field.present) field.report('is not a mapping');
  return holds;
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

/** `NAME-data`, PEM in base64, which wins where both are there, or the file that `NAME` names; null where neither is. */
export function pemOf(parent: Field, name: string, file: KubeconfigFile): PemText | null {
  const dataField = parent.child(`${name}-data`);
  const data = secretOf(dataField);
  if (data !== null) return { place: placeOf(dataField, file), text: decoded(data, dataField) };
  const pathField = parent.child(name);
  const path = pathOf(pathField, file);
  return path === null ? null : { place: `${placeOf(pathField, file)}, ${JSON.stringify(path)},`, path };
}

export function placeOf(field: Field, file: KubeconfigFile): string {
  return `${file.name}: ${fieldPathText(field.path)}`;
}

/** Strict: Node would drop what is not base64, and say nothing. */
function decoded(data: string, field: Field): string {
  const text = data.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) field.report('is not base64');
  return Buffer.from(text, 'base64').toString('latin1');
}
