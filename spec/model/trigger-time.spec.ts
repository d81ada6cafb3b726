import { describe, expect, it } from 'vitest';
import { Field } from '../../src/model/field.js';
import { readTriggerTime } from '../../src/model/trigger-time.js';

const NAME = 'endpoints.kubernetes.io/last-change-trigger-time';
const timeOf = (annotations: unknown) => readTriggerTime(Field.root(annotations));

describe('the time that endpoints were changed for', () => {
  it.each([
    ['2026-11-26T10:00:00Z', Date.UTC(2026, 10, 26, 10)],
    ['2026-11-26T10:00:00.5Z', Date.UTC(2026, 10, 26, 10, 0, 0, 500)],
    ['2026-11-26T12:00:00+02:00', Date.UTC(2026, 10, 26, 10)],
  ])('%s is read', (text, time) => {
    expect(timeOf({ [NAME]: text })).toBe(time);
  });

  it.each([[undefined], [{}], [{ [NAME]: '' }], [{ [NAME]: 'lately' }], [{ [NAME]: 17 }], [{ other: 'x' }]])(
    'is not known from %j, which is no error',
    (annotations) => {
      const field = Field.root(annotations);
      expect(readTriggerTime(field)).toBeNull();
      expect(field.errors).toEqual([]);
    },
  );
});
