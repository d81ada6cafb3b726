import { expect } from 'vitest';
import { fieldPathText } from '../../src/model/field-error.js';
import type { Parsed } from '../../src/model/kubernetes-object.js';

/** What was parsed; fails where the object was skipped or refused. */
export function parsedValue<T>(parsed: Parsed<T>): T {
  if (parsed.outcome !== 'parsed') expect.fail(`not parsed: ${JSON.stringify(parsed)}`);
  return parsed.value;
}

/** Why an object was refused, `path: message` a line; empty where it was not. */
export function complaintsOf(parsed: Parsed<unknown>): string[] {
  if (parsed.outcome !== 'invalid') return [];
  return parsed.errors.map(({ path, message }) => `${fieldPathText(path)}: ${message}`);
}
