import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LogFields, SILENT_LOGGER } from '../../src/host/log.js';
import { RateLimitedLog, type RateLimitedLogOptions } from '../../src/host/rate-limited-log.js';

interface Line {
  readonly message: string;
  readonly fields: LogFields;
}

function limitedLog(changed: Partial<RateLimitedLogOptions> = {}) {
  const lines: Line[] = [];
  const clock = { now: 0 };
  const log = new RateLimitedLog(
    { ...SILENT_LOGGER, warn: (message, fields = {}) => lines.push({ message, fields }) },
    { burst: 2, intervalMs: 1_000, maxKeys: 3, now: () => clock.now, ...changed },
  );
  return { log, lines, clock };
}

describe('RateLimitedLog', () => {
  it('writes a burst, then one line an interval with the number of those before it', () => {
    const { log, lines, clock } = limitedLog();
    for (let failure = 0; failure < 7; failure++) log.warn('key', 'failed', { failure });
    clock.now = 999;
    log.warn('key', 'failed', { failure: 7 });
    clock.now = 1_000;
    log.warn('key', 'failed', { failure: 8 });
    log.warn('key', 'failed', { failure: 9 });
    clock.now = 2_000;
    log.warn('key', 'failed', { failure: 10 });
    expect(lines.map(({ fields }) => fields)).toEqual([
      { failure: 0 },
      { failure: 1 },
      { failure: 8, more: 6 },
      { failure: 10, more: 1 },
    ]);
  });

  it('allows a whole burst again after a quiet time', () => {
    const { log, lines, clock } = limitedLog();
    for (let failure = 0; failure < 2; failure++) log.warn('key', 'failed');
    clock.now = 1_000_000;
    for (let failure = 0; failure < 3; failure++) log.warn('key', 'failed');
    expect(lines).toHaveLength(4);
  });

  it('limits each key by itself', () => {
    const { log, lines } = limitedLog();
    for (let failure = 0; failure < 5; failure++) {
      log.warn('a', 'a failed');
      log.warn('b', 'b failed');
    }
    expect(lines.map(({ message }) => message)).toEqual(['a failed', 'b failed', 'a failed', 'b failed']);
  });

  it('tells at the end, and only once, what it still holds back', () => {
    const { log, lines } = limitedLog();
    for (let failure = 0; failure < 5; failure++) log.warn('a', 'a failed');
    log.warn('b', 'b failed');
    log.flush();
    log.flush();
    expect(lines.slice(3)).toEqual([{ message: 'a failed (and others like it)', fields: { more: 3 } }]);
  });

  it('forgets the key that was silent longest, and tells what it held back, rather than grow', () => {
    const { log, lines } = limitedLog({ burst: 1 });
    log.warn('a', 'a failed');
    log.warn('a', 'a failed');
    for (const key of ['b', 'c', 'd']) log.warn(key, `${key} failed`);
    expect(lines.map(({ message }) => message)).toEqual([
      'a failed',
      'b failed',
      'c failed',
      'a failed (and others like it)',
      'd failed',
    ]);
    log.warn('b', 'b failed');
    log.warn('a', 'a failed');
    expect(lines.slice(5)).toEqual([{ message: 'a failed', fields: {} }]);
  });

  it('is not confused by a clock that is set back', () => {
    const { log, lines, clock } = limitedLog({ burst: 1 });
    clock.now = 10_000;
    log.warn('key', 'failed');
    clock.now = 0;
    log.warn('key', 'failed');
    clock.now = 1_000;
    log.warn('key', 'failed');
    expect(lines).toEqual([
      { message: 'failed', fields: {} },
      { message: 'failed', fields: { more: 1 } },
    ]);
  });

  it('accounts for every warning, and never writes more than its limit', () => {
    const warning = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), wait: fc.nat(700) });
    fc.assert(
      fc.property(fc.array(warning, { maxLength: 200 }), (warnings) => {
        const { log, lines, clock } = limitedLog({ maxKeys: 10 });
        for (const { key, wait } of warnings) {
          clock.now += wait;
          log.warn(key, key, {});
        }
        const written = lines.length;
        expect(written).toBeLessThanOrEqual(5 * (2 + clock.now / 1_000));
        log.flush();
        const more = lines.reduce((sum, { fields }) => sum + Number(fields.more ?? 0), 0);
        expect(written + more).toBe(warnings.length);
      }),
    );
  });
});
