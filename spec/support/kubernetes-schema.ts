import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as kubernetes from '@kubernetes/client-node';

/** How the client's generated models tell what a type has (its OpenAPI generator). */
interface ModelField {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

interface Model {
  getAttributeTypeMap(): readonly ModelField[];
}

const MODELS = join(dirname(fileURLToPath(import.meta.resolve('@kubernetes/client-node'))), 'gen', 'models');
const models = kubernetes as unknown as Readonly<Record<string, Model | undefined>>;

/**
 * What in a value is not as the Kubernetes API of the client's release has it: a field that is unknown, that is missing though
 * it must be there, or of another type. A strict API server refuses each of them (`kubectl apply --validate=strict`).
 *
 * @param type the name of one of the client's models, such as `V1Pod`.
 */
export function violationsOf(value: unknown, type: string, path = type): readonly string[] {
  const elements = /^Array<(.*)>$/.exec(type)?.[1];
  if (elements !== undefined) {
    if (!Array.isArray(value)) return [`${path}: no list`];
    return value.flatMap((element, index) => violationsOf(element, elements, `${path}[${index}]`));
  }
  const entries = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (entries !== undefined) {
    if (!isObject(value)) return [`${path}: no object`];
    return Object.entries(value).flatMap(([key, entry]) => violationsOf(entry, entries, `${path}.${key}`));
  }
  const model = models[type];
  return model === undefined ? wrongScalar(value, type, path) : wrongObject(value, type, model, path);
}

function wrongScalar(value: unknown, type: string, path: string): readonly string[] {
  switch (type) {
    case 'any':
      return [];
    case 'IntOrString':
      return typeof value === 'string' || Number.isInteger(value) ? [] : [`${path}: no integer, no text`];
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type ? [] : [`${path}: no ${type}`];
    default:
      throw new Error(`${path}: the client has no model ${type}`);
  }
}

function wrongObject(value: unknown, type: string, model: Model, path: string): readonly string[] {
  if (!isObject(value)) return [`${path}: no object`];
  const fields = new Map(model.getAttributeTypeMap().map((field) => [field.baseName, field]));
  const missing = requiredFields(type).filter((name) => value[name] === undefined);
  const wrong = Object.entries(value).flatMap(([name, entry]) => {
    const field = fields.get(name);
    if (field === undefined) return [`${path}.${name}: no such field`];
    if (field.format.startsWith('int') && !Number.isInteger(entry)) return [`${path}.${name}: no integer`];
    return violationsOf(entry, field.type, `${path}.${name}`);
  });
  return [...missing.map((name) => `${path}.${name}: missing`), ...wrong];
}

/** The models tell that in their declarations alone: `'name': string` against `'name'?: string`. */
function requiredFields(type: string): readonly string[] {
  const declared = readFileSync(join(MODELS, `${type}.d.ts`), 'utf8');
  return [...declared.matchAll(/^ {4}'(\w+)': /gm)].map(([, name = '']) => name);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
