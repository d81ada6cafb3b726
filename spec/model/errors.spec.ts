import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_REMEDIES, KubeSpliceError, systemErrorCode } from '../../src/model/errors.js';

const DOCUMENT = 'docs/errors.md';

interface Row {
  readonly code: string;
  readonly when: string;
  readonly remedy: string;
}

function documented(): readonly Row[] {
  return [...readFileSync(DOCUMENT, 'utf8').matchAll(/^\| `([A-Z_]+)` \| (.*) \| (.*) \|$/gm)].map(
    ([, code = '', when = '', remedy = '']) => ({ code, when, remedy }),
  );
}

/** What somebody who finds the two apart has to do. */
function differences(): string[] {
  const rows = documented();
  const remedies: Readonly<Record<string, string>> = ERROR_REMEDIES;
  const missing = Object.entries(remedies)
    .filter(([code]) => !rows.some((row) => row.code === code))
    .map(([code, remedy]) => `add to ${DOCUMENT}: | \`${code}\` | WHEN IT HAPPENS | ${remedy} |`);
  const others = rows.flatMap(({ code, remedy }) => {
    const expected = remedies[code];
    if (expected === undefined)
      return [`remove from ${DOCUMENT}: ${code}, which src/model/errors.ts does not have`];
    return remedy === expected ? [] : [`change in ${DOCUMENT}: what to do about ${code} is: ${expected}`];
  });
  return [...missing, ...others];
}

describe('the errors', () => {
  it(`are those of ${DOCUMENT}`, () => {
    expect(differences()).toEqual([]);
  });

  it(`have one row each in ${DOCUMENT}, in the order of the code, that says when`, () => {
    expect(documented().map(({ code }) => code)).toEqual(Object.keys(ERROR_REMEDIES));
    expect(documented().filter(({ when }) => !/^\S.*\.$/.test(when))).toEqual([]);
  });

  it('have a remedy that is a sentence', () => {
    expect(Object.values(ERROR_REMEDIES).filter((remedy) => !/^[A-Z].*\.$/.test(remedy))).toEqual([]);
  });
});

describe('KubeSpliceError', () => {
  it('carries its code, what happened, the cause and the remedy', () => {
    const cause = new Error('ENOENT');
    const error = new KubeSpliceError('MANIFEST_UNREADABLE', 'cannot read a.yaml', { cause });
    expect(error).toMatchObject({
      name: 'KubeSpliceError',
      code: 'MANIFEST_UNREADABLE',
      message: 'cannot read a.yaml',
      remedy: ERROR_REMEDIES.MANIFEST_UNREADABLE,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  it('takes a remedy that fits better, and no cause where there is none', () => {
    const error = new KubeSpliceError('DEMO_FAILED', 'no answer', { remedy: 'Try again.' });
    expect(error.remedy).toBe('Try again.');
    expect('cause' in error).toBe(false);
  });
});

describe('systemErrorCode', () => {
  it('is the code of a failed system call', () => {
    expect(systemErrorCode(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }))).toBe('EADDRINUSE');
  });

  it.each([[new Error('plain')], [{ code: 42 }], ['EADDRINUSE'], [null], [undefined]])(
    'is nothing of %s',
    (error) => {
      expect(systemErrorCode(error)).toBeUndefined();
    },
  );
});
