import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EMPTY_STATE, type ServiceState } from '../../../src/model/service-state.js';
import { SnapshotSaver } from '../../../src/sources/snapshot/snapshot-saver.js';

/** A disk whose writes end when the spec says so. */
class HeldDisk {
  readonly began: { readonly state: ServiceState; readonly at: number; readonly signal: AbortSignal }[] = [];
  readonly failures: unknown[] = [];
  #end: { resolve: () => void; reject: (error: Error) => void } | undefined;
  /** Where false, a write ends at once. */
  isHeld = false;
  error: Error | undefined;

  readonly save = (state: ServiceState, signal: AbortSignal): Promise<void> => {
    if (this.#end !== undefined) throw new Error('two writes at a time');
    this.began.push({ state, at: Date.now(), signal });
    if (!this.isHeld) return this.error === undefined ? Promise.resolve() : Promise.reject(this.error);
    return new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
  };

  readonly failed = (error: unknown): void => {
    this.failures.push(error);
  };

  async finish(error?: Error): Promise<void> {
    const end = this.#end;
    this.#end = undefined;
    if (error === undefined) end?.resolve();
    else end?.reject(error);
    await vi.advanceTimersByTimeAsync(0);
  }

  get times(): number[] {
    return this.began.map(({ at }) => at);
  }
}

let disk: HeldDisk;
let saver: SnapshotSaver;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  disk = new HeldDisk();
  saver = new SnapshotSaver({
    delayMs: 1_000,
    intervalMs: 10_000,
    stopMs: 3_000,
    save: disk.save,
    failed: disk.failed,
    now: Date.now,
  });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const state = (): ServiceState => ({ ...EMPTY_STATE });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a state is saved', () => {
  it('a second after the first change, and only the newest one', async () => {
    const states = [state(), state(), state()] as const;
    saver.offer(states[0]);
    await pass(600);
    saver.offer(states[1]);
    await pass(399);
    saver.offer(states[2]);
    expect(disk.times).toEqual([]);
    await pass(1);
    expect(disk.times).toEqual([1_000]);
    expect(disk.began[0]?.state).toBe(states[2]);
    await pass(60_000);
    expect(disk.times).toEqual([1_000]);
  });

  it('every ten seconds at most, while changes go on', async () => {
    for (let ms = 0; ms < 35_000; ms += 100) {
      saver.offer(state());
      await pass(100);
    }
    expect(disk.times).toEqual([1_000, 11_000, 21_000, 31_000]);
    await saver.stop();
  });

  it('a second after a change that comes late', async () => {
    saver.offer(state());
    await pass(50_000);
    saver.offer(state());
    await pass(50_000);
    expect(disk.times).toEqual([1_000, 51_000]);
  });

  it('one at a time, however long it takes', async () => {
    disk.isHeld = true;
    const newest = state();
    saver.offer(state());
    await pass(1_000);
    saver.offer(state());
    await pass(30_000);
    saver.offer(newest);
    expect(disk.times).toEqual([1_000]);
    await disk.finish();
    await pass(1_000);
    expect(disk.times).toEqual([1_000, 32_000]);
    expect(disk.began[1]?.state).toBe(newest);
    await disk.finish();
  });
});

describe('a state that could not be saved', () => {
  it('is tried again at the same pace, until it is saved', async () => {
    disk.error = new Error('full');
    const only = state();
    saver.offer(only);
    await pass(25_000);
    disk.error = undefined;
    await pass(60_000);
    expect(disk.times).toEqual([1_000, 11_000, 21_000, 31_000]);
    expect(disk.began.map((begun) => begun.state)).toEqual([only, only, only, only]);
    expect(disk.failures).toHaveLength(3);
  });

  it('is forgotten where a newer one came meanwhile', async () => {
    disk.isHeld = true;
    const newer = state();
    saver.offer(state());
    await pass(1_000);
    saver.offer(newer);
    await disk.finish(new Error('full'));
    disk.isHeld = false;
    await pass(20_000);
    expect(disk.began[1]?.state).toBe(newer);
    expect(disk.times).toEqual([1_000, 11_000]);
  });
});

describe('at the stop', () => {
  it('what is not saved yet is, at once', async () => {
    saver.offer(state());
    await saver.stop();
    expect(disk.times).toEqual([0]);
  });

  it('nothing is saved where everything is', async () => {
    saver.offer(state());
    await pass(1_000);
    await saver.stop();
    expect(disk.times).toEqual([1_000]);
  });

  it('nothing is saved where nothing came', async () => {
    await saver.stop();
    expect(disk.times).toEqual([]);
  });

  it('a write goes on to its end, and the newest state comes after it', async () => {
    disk.isHeld = true;
    saver.offer(state());
    await pass(1_000);
    const newest = state();
    saver.offer(newest);
    const stopped = saver.stop();
    await pass(500);
    disk.isHeld = false;
    await disk.finish();
    await stopped;
    expect(disk.times).toEqual([1_000, 1_500]);
    expect(disk.began[1]?.state).toBe(newest);
  });

  it('one that fails is tried once, and told', async () => {
    disk.error = new Error('full');
    saver.offer(state());
    await saver.stop();
    await pass(60_000);
    expect(disk.times).toEqual([0]);
    expect(disk.failures).toEqual([disk.error]);
  });

  it('a disk that hangs is left behind after three seconds, and that is told', async () => {
    disk.isHeld = true;
    saver.offer(state());
    const stopped = saver.stop();
    await pass(2_999);
    expect(disk.began[0]?.signal.aborted).toBe(false);
    await pass(1);
    await stopped;
    expect(disk.began[0]?.signal.aborted).toBe(true);
    expect(disk.failures).toMatchObject([{ code: 'SNAPSHOT_UNWRITABLE' }]);
    // What comes of it later is nobody's business any more.
    await disk.finish(new Error('aborted'));
    expect(disk.failures).toHaveLength(1);
  });

  it('everything is as it was, the second time', async () => {
    saver.offer(state());
    await Promise.all([saver.stop(), saver.stop()]);
    await saver.stop();
    expect(disk.times).toEqual([0]);
  });

  it('what comes afterwards is not saved', async () => {
    await saver.stop();
    saver.offer(state());
    await pass(60_000);
    expect(disk.times).toEqual([]);
  });
});
