import { describe, expect, it } from 'vitest';
import { isStatusReport } from '../../src/status/status-guard.js';
import { aReport } from '../support/proxy-values.js';

const REPORT = aReport({ refused: { connections: 1, datagrams: 2 } });

/** Every way to take one field out of a value, with the path of that field. */
function* withoutOneField(value: unknown, path = ''): Generator<readonly [string, unknown]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, field] of Object.entries(value)) {
    if (Array.isArray(value)) {
      for (const [at, less] of withoutOneField(field, `${path}[${name}]`))
        yield [at, value.with(Number(name), less)];
      continue;
    }
    yield [`${path}.${name}`, { ...value, [name]: undefined }];
    for (const [at, less] of withoutOneField(field, `${path}.${name}`))
      yield [at, { ...value, [name]: less }];
  }
}

describe('what a status report is', () => {
  it('is what this version writes', () => {
    expect(isStatusReport(REPORT)).toBe(true);
    expect(isStatusReport(JSON.parse(JSON.stringify(REPORT)))).toBe(true);
    expect(isStatusReport(aReport({ refused: null }))).toBe(true);
  });

  it('may have fields that this version does not know', () => {
    const newer = {
      ...REPORT,
      servicePorts: REPORT.servicePorts.map((one) => ({ ...one, hops: 1 })),
      zone: 'a',
    };
    expect(isStatusReport(newer)).toBe(true);
  });

  it.each([...withoutOneField(REPORT)])('is nothing without %s', (_, less) => {
    expect(isStatusReport(less)).toBe(false);
  });

  it.each([0, 'none', {}, { connections: '1', datagrams: 2 }, [1, 2]])(
    'is nothing where %j was refused',
    (refused) => {
      expect(isStatusReport({ ...REPORT, steering: { ...REPORT.steering, refused } })).toBe(false);
    },
  );

  it.each([null, undefined, 1, 'report', [], [REPORT], {}, { servicePorts: {} }])('is not %j', (value) => {
    expect(isStatusReport(value)).toBe(false);
  });
});
