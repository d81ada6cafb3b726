import { describe, expect, it } from 'vitest';
import { textColumns } from '../../src/status/text-columns.js';

describe('columns', () => {
  it('start at the same place in every line, three spaces after the widest cell', () => {
    const lines = textColumns([
      ['NAME', 'PORT', 'X'],
      ['default/whoami', '1', 'y'],
      ['a', '65535', ''],
    ]);
    expect(lines).toEqual([
      'NAME             PORT    X',
      'default/whoami   1       y',
      'a                65535',
    ]);
  });

  it('are none where there are no rows', () => {
    expect(textColumns([])).toEqual([]);
  });
});
