import { describe, expect, it } from 'vitest';
import { otherWork, otherWorkNotes } from '../../bench/other-work.js';

describe('the notes on other work', () => {
  it('warn where more than a tenth of a core was busy before or after', () => {
    expect(otherWorkNotes([0.02, 1.52])).toEqual([
      expect.stringContaining('kept 1.5 cores of this machine busy'),
    ]);
    expect(otherWorkNotes([0.02, 0.1])).toEqual([]);
    expect(otherWorkNotes([null, null])).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('other work', () => {
  it('is some part of the cores', async () => {
    expect(await otherWork()).toBeGreaterThanOrEqual(0);
  });
});
