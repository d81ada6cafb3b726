import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { processUsage } from '../../src/host/process-usage.js';

describe('what this process takes', () => {
  it('is memory, and less of it for the heap than for all', () => {
    const { residentBytes, heapBytes, openFileLimit } = processUsage();
    expect(heapBytes).toBeGreaterThan(1_000_000);
    expect(residentBytes).toBeGreaterThan(heapBytes);
    expect(openFileLimit).toBeGreaterThan(0);
  });

  it.skipIf(!existsSync('/proc/self/fd'))('is open files, each once (skipped without /proc)', () => {
    const before = processUsage().openFiles ?? 0;
    const files = [1, 2, 3].map(() => openSync('/dev/null', 'r'));
    onTestFinished(() => files.forEach((file) => void closeSync(file)));
    expect(processUsage().openFiles).toBe(before + 3);
  });
});
