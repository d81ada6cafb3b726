import { describe, expect, it, vi } from 'vitest';
import { EndSignals, type SignalledProcess } from '../../src/cli/end-signals.js';
import { SILENT_LOGGER } from '../../src/host/log.js';

class ImaginaryProcess implements SignalledProcess {
  readonly handlers = new Map<string, () => void>();
  readonly exits: number[] = [];
  at = 0;
  on(signal: string, handler: () => void): void {
    this.handlers.set(signal, handler);
  }
  exit(code: number): void {
    this.exits.push(code);
  }
  receives(signal: string, at: number): void {
    this.at = at;
    this.handlers.get(signal)?.();
  }
}

function signalsOf(): { process: ImaginaryProcess; signals: EndSignals } {
  const process = new ImaginaryProcess();
  return { process, signals: new EndSignals(SILENT_LOGGER, process, () => process.at) };
}

describe('signals that ask for an end', () => {
  it('ask once; the echo of the first changes nothing', () => {
    const { process, signals } = signalsOf();
    expect(signals.asked.aborted).toBe(false);
    process.receives('SIGTERM', 0);
    process.receives('SIGTERM', 199);
    expect([signals.asked.aborted, process.exits, signals.exitCode]).toEqual([true, [], 0]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('end the process with a second %s where nothing can be cut short', (signal, code) => {
    const { process } = signalsOf();
    process.receives('SIGTERM', 0);
    process.receives(signal, 200);
    expect(process.exits).toEqual([code]);
  });

  it('hurry the end with the second, and end the process with the third', () => {
    const { process, signals } = signalsOf();
    const hurry = vi.fn<() => void>();
    signals.onHurry(hurry);
    process.receives('SIGTERM', 0);
    process.receives('SIGINT', 50);
    expect([hurry.mock.calls.length, process.exits, signals.exitCode]).toEqual([1, [], 130]);
    process.receives('SIGINT', 60);
    expect([hurry.mock.calls.length, process.exits]).toEqual([1, [130]]);
  });

  it('end the process where the hurried end takes too long', () => {
    vi.useFakeTimers();
    try {
      const { process, signals } = signalsOf();
      signals.onHurry(() => undefined);
      process.receives('SIGTERM', 0);
      process.receives('SIGTERM', 1_000);
      vi.advanceTimersByTime(1_999);
      expect(process.exits).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(process.exits).toEqual([143]);
    } finally {
      vi.useRealTimers();
    }
  });
});
