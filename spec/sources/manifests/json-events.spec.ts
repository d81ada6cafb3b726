import { describe, expect, it } from 'vitest';
import { jsonEvents } from '../../../src/sources/manifests/json-events.js';

const events = (text: string) =>
  [...jsonEvents(text, 0)].map(({ type, depth, step, offset }) => [type, depth, step, offset]);

describe('jsonEvents', () => {
  it('tells of every value where it begins and ends, and which field or item it is', () => {
    expect(events('{"a":[7,{}]}')).toEqual([
      ['begin', 0, '', 0],
      ['begin', 1, 'a', 5],
      ['begin', 2, 0, 6],
      ['end', 2, 0, 7],
      ['begin', 2, 1, 8],
      ['end', 2, 1, 10],
      ['end', 1, 'a', 11],
      ['end', 0, '', 12],
    ]);
  });

  it('tells of a key that a mapping has already, however it is written', () => {
    expect(events('{"a":1,"\\u0061":2}').filter(([type]) => type === 'duplicate key')).toEqual([
      ['duplicate key', 1, 'a', 7],
    ]);
  });

  it('takes the same key in two mappings for two keys', () => {
    expect(events('[{"a":1},{"a":{"a":"a"}}]').filter(([type]) => type === 'duplicate key')).toEqual([]);
  });
});
