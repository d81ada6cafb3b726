import { Field, isMapping } from '../../model/field.js';
import { type FieldPath, fieldPathText } from '../../model/field-error.js';
import type { YamlNode } from '../../model/yaml-node.js';
import { parseDuration } from '../duration.js';
import { nearest } from '../nearest.js';
import type { ConfigFieldForm, ConfigFieldType, ConfigurationForm } from './field-forms.js';

/** What a document says. */
export interface ConfigurationReading {
  readonly values: readonly {
    readonly line: number;
    readonly path: string;
    readonly flag: string;
    readonly texts: readonly string[];
  }[];
  /** What is not known here, or does nothing. */
  readonly overlooked: readonly Remark[];
  readonly problems: readonly Remark[];
}

/** A sentence that begins with the field it is about. */
interface Remark {
  readonly line: number;
  readonly message: string;
}

/** What every object has, and nobody reads. */
const OF_ANY_OBJECT = new Set(['apiVersion', 'kind', 'metadata']);

/** Reads a document of this form, field by field. Never throws. */
export function readConfiguration(node: YamlNode, form: ConfigurationForm): ConfigurationReading {
  const root = Field.root(node.value);
  const values: ConfigurationReading['values'][number][] = [];
  const overlooked: Remark[] = [];
  for (const field of fieldsOf(root, form)) {
    const line = node.lineOf(field.path);
    const path = fieldPathText(field.path);
    const known = form.fields.find((candidate) => candidate.path === field.path.join('.'));
    if (known === undefined) {
      overlooked.push({ line, message: unknownField(path, form) });
      continue;
    }
    const texts = textsOf(field, known.takes);
    if (texts === undefined || (form.zeroIsAbsent && isZero(texts, known))) continue;
    if ('flag' in known.means) values.push({ line, path, flag: known.means.flag, texts });
    else overlooked.push({ line, message: `${path} has no effect here: ${known.means.nothing}` });
  }
  const problems = root.errors.map(({ path, message }) => ({
    line: node.lineOf(path),
    message: `${fieldPathText(path)}: ${message}`,
  }));
  return { values, overlooked, problems };
}

/** Those that are there: down to what the form has as a field, or does not know. */
function* fieldsOf(root: Field, { fields }: ConfigurationForm): Generator<Field, undefined> {
  const isSection = (path: FieldPath) => fields.some((form) => form.path.startsWith(`${path.join('.')}.`));
  const waiting = [...childrenOf(root)].filter(({ path }) => !OF_ANY_OBJECT.has(String(path[0])));
  for (let field = waiting.shift(); field !== undefined; field = waiting.shift()) {
    // As Go reads it, null is absent.
    if (!field.present) continue;
    if (!isSection(field.path)) yield field;
    else if (field.mapping()) waiting.unshift(...childrenOf(field));
  }
}

function childrenOf(field: Field): readonly Field[] {
  return isMapping(field.value) ? Object.keys(field.value).map((key) => field.child(key)) : [];
}

function unknownField(path: string, { fields }: ConfigurationForm): string {
  const meant = nearest(
    path,
    fields.map((form) => form.path),
  );
  return `${path} is not known here, and overlooked${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

/** As it would be written behind a flag; undefined, and told, where it is something else. */
function textsOf(field: Field, takes: ConfigFieldType): readonly string[] | undefined {
  switch (takes) {
    case 'text':
      return only(field.text());
    case 'boolean':
      return only(field.flag());
    case 'integer':
      return only(field.integer('a whole number', -(2 ** 31), 2 ** 31 - 1));
    case 'number':
      return only(numberOf(field));
    case 'duration':
      return only(durationOf(field));
    case 'anything':
      return only(typeof field.value === 'string' ? field.value : JSON.stringify(field.value));
    case 'texts': {
      const items = field.items().map((item) => item.text());
      return items.flatMap((item) => (item === undefined ? [] : [item]));
    }
    case 'features':
      if (!field.mapping()) return undefined;
      return childrenOf(field).map((child) => `${String(child.path.at(-1))}=${child.flag() === true}`);
  }
}

function only(value: string | number | boolean | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [`${value}`];
}

function numberOf(field: Field): number | undefined {
  if (typeof field.value === 'number') return field.value;
  field.reject('is not a number');
  return undefined;
}

/** Go's `metav1.Duration`: text, such as 30s. The form that kubeadm writes for none, the number 0, is one as well. */
function durationOf(field: Field): string | undefined {
  if (field.value === 0) return '0s';
  const text = field.text();
  if (text === undefined) return undefined;
  const duration = parseDuration(text);
  if (duration.ok) return text;
  field.report(duration.problem);
  return undefined;
}

function isZero(texts: readonly string[], { takes }: ConfigFieldForm): boolean {
  const [text] = texts;
  if (text === undefined) return true;
  switch (takes) {
    case 'text':
      return text === '';
    case 'boolean':
      return text === 'false';
    case 'integer':
    case 'number':
      return Number(text) === 0;
    case 'duration': {
      const duration = parseDuration(text);
      return duration.ok && duration.value === 0;
    }
    case 'anything':
      return ['', '0', '[]', '{}'].includes(text);
    case 'texts':
    case 'features':
      return false;
  }
}
