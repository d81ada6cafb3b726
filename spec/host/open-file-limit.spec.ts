import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { openFileLimit, openFileLimitOfReport, parseOpenFileLimit } from '../../src/host/open-file-limit.js';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            524288               1048576              files     
Max locked memory         8388608              8388608              bytes     
`;

describe('parseOpenFileLimit', () => {
  it('finds the soft limit', () => {
    expect(parseOpenFileLimit(LIMITS)).toBe(524_288);
  });

  it('takes unlimited for what it is', () => {
    expect(parseOpenFileLimit(LIMITS.replace('524288', 'unlimited'))).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    '',
    'Max open files',
    'Max open files   many   many   files\n',
    'Max processes  1  1  processes\n',
  ])('finds nothing in %j', (text) => {
    expect(parseOpenFileLimit(text)).toBeUndefined();
  });
});

describe('openFileLimitOfReport', () => {
  it.each([
    [{ userLimits: { open_files: { soft: 1_024, hard: 4_096 } } }, 1_024],
    [{ userLimits: { open_files: { soft: '1024', hard: 'unlimited' } } }, 1_024],
    [{ userLimits: { open_files: { soft: 'unlimited', hard: 'unlimited' } } }, Number.POSITIVE_INFINITY],
    [{ userLimits: { open_files: { soft: 'many' } } }, undefined],
    [{ userLimits: { open_files: { soft: -1 } } }, undefined],
    [{ userLimits: { open_files: { soft: null } } }, undefined],
    [{ userLimits: {} }, undefined],
    [{}, undefined],
    [null, undefined],
    ['report', undefined],
  ])('of %j is %s', (report, limit) => {
    expect(openFileLimitOfReport(report)).toBe(limit);
  });

  it('is the limit of this process in its own report', () => {
    const report: unknown = process.report.getReport();
    expect(openFileLimitOfReport(report)).toBe(openFileLimit());
  });
});

describe('openFileLimit', () => {
  it('is what a shell tells of the hard limit, to which Node raises its own', () => {
    const hard = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
    expect(openFileLimit()).toBe(hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard));
  });
});
