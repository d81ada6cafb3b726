import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ServiceState } from '../../../src/model/service-state.js';
import { CollectedStates } from '../../support/collected-states.js';
import { eventually, within } from '../../support/deadline.js';
import {
  directory,
  errors,
  inner,
  isSameState,
  logger,
  NEW,
  NOON,
  OLD,
  ownStatus,
  remember,
  remembered,
  sourceOf,
} from './remembered-setting.js';
import { largeState } from './state-arbitraries.js';

describe('a disk that fails', () => {
  it('is told once for each reason, never disturbs a delivery, and is tried again', async () => {
    writeFileSync(directory, 'a file, not a directory');
    let saves = 0;
    const now = () => {
      saves += 1;
      return NOON;
    };
    const source = sourceOf({ delayMs: 1, intervalMs: 5, now });
    const { states } = await CollectedStates.startOf(source);
    const told = () => errors().filter(({ message }) => /^SNAPSHOT_UNWRITABLE: .*ENOTDIR/.test(message));
    inner.deliver(OLD);
    await eventually(() => expect(told()).toHaveLength(1));
    expect(told()[0]).toMatchObject({ fields: { remedy: expect.stringContaining('--state-dir') } });
    expect(ownStatus(source)?.errors.at(-1)).toMatch(/^SNAPSHOT_UNWRITABLE: .*ENOTDIR/);
    inner.deliver(NEW);
    inner.deliver(OLD);
    expect(states).toEqual([OLD, NEW, OLD]);
    const tries = saves + 10;
    await eventually(() => expect(saves).toBeGreaterThan(tries));
    expect(told()).toHaveLength(1);

    rmSync(directory);
    await eventually(() => expect(ownStatus(source)?.errors).toEqual([]));
    expect(
      logger.messages('info').filter((message) => message.includes('can be written again')),
    ).toHaveLength(1);
    isSameState(await remembered(), OLD);

    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'again');
    inner.deliver(NEW);
    await eventually(() => expect(told()).toHaveLength(2));
    rmSync(directory);
  });
});

describe('stop', () => {
  it('while the snapshot is read delivers nothing any more', async () => {
    remember(largeState(5_000, 5));
    const source = sourceOf();
    const states: ServiceState[] = [];
    const starting = source.start((state) => states.push(state));
    await within('the stop', source.stop());
    await starting;
    expect(states).toEqual([]);
    expect(errors()).toEqual([]);
  });

  it('while a state is written waits for it', async () => {
    const large = largeState(5_000, 5);
    const stopped = new Promise<void>((resolve, reject) => {
      const now = () => {
        // It asks for the time when it begins to write.
        queueMicrotask(() => source.stop().then(resolve, reject));
        return NOON;
      };
      const source = sourceOf({ delayMs: 0, now });
      source.start(() => undefined).then(() => inner.deliver(large), reject);
    });
    await within('the stop', stopped);
    isSameState(await remembered(), large);
  });

  it('leaves a write behind that takes too long, says so, and spoils nothing', async () => {
    remember(OLD);
    const source = sourceOf({ delayMs: 60_000, stopMs: 0 });
    await source.start(() => undefined);
    inner.deliver(largeState(5_000, 5));
    await within('the stop', source.stop());
    expect(errors()).toMatchObject([{ message: expect.stringMatching(/could not be saved within 0 ms/) }]);
    isSameState(await remembered(), OLD);
  });

  it('before the start, and twice, is no fault', async () => {
    const source = sourceOf();
    await Promise.all([source.stop(), source.stop()]);
    await source.stop();
    expect(inner.stops).toBe(1);
  });
});
