import { describe, expect, it } from 'vitest';
import { softirqNote } from '../../bench/softirq.js';

describe('the note on softirq time', () => {
  it.each([
    ['CONFIG_A=y\nCONFIG_IRQ_TIME_ACCOUNTING=y\n', 'leaves out interrupts and softirqs'],
    ['CONFIG_HAVE_IRQ_TIME_ACCOUNTING=y\n# CONFIG_IRQ_TIME_ACCOUNTING is not set\n', 'holds the softirqs'],
    [null, 'is not known'],
  ])('of %j', (config, said) => {
    expect(softirqNote(config)).toContain(said);
  });
});
