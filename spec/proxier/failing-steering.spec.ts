import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KubeSpliceError } from '../../src/model/errors.js';
import type { SteeringCheck } from '../../src/steering/steering.js';
import { eventually } from '../support/deadline.js';
import { aServicePort } from '../support/proxy-values.js';
import { FailingSteering, startProxier, stateOf } from '../support/started-proxier.js';

const web = aServicePort({ name: 'default/web' });

/** Timers of these kinds fire when the spec says so; everything else goes on as it does. */
function holdTimers(...toFake: ('setTimeout' | 'setInterval')[]): void {
  vi.useFakeTimers({ toFake: [...toFake, 'clearTimeout', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('steering that fails', () => {
  it('counts a failed sync, tells its reason once, stays pending and tries again', async () => {
    const steering = new FailingSteering();
    const { proxier, logger } = startProxier({ steering, syncPeriodMs: 20 });
    proxier.update(stateOf([web]));
    await eventually(() => expect(proxier.syncProgress().failed).toBeGreaterThan(1));
    expect(proxier.syncProgress()).toMatchObject({ lastSynced: null, errors: ['the lock is held'] });
    expect(proxier.syncProgress().pendingSince).not.toBeNull();
    expect(logger.messages('error')).toEqual(['sync failed']);
    steering.reason = null;
    await eventually(() => expect(proxier.syncProgress().lastSynced).not.toBeNull());
    await proxier.settled();
    expect(proxier.syncProgress()).toMatchObject({ pendingSince: null, errors: [] });
  });

  async function startFailing(error = new Error('the lock is held')) {
    holdTimers('setTimeout');
    const steering = new FailingSteering();
    steering.reason = error;
    const started = startProxier({ steering, syncPeriodMs: 5_000 });
    const later = async (ms: number): Promise<number> => {
      vi.advanceTimersByTime(ms);
      await started.proxier.settled();
      return started.proxier.syncProgress().failed;
    };
    started.proxier.update(stateOf([web]));
    await started.proxier.settled();
    return { ...started, steering, later };
  }

  it('is told with its code, and with what to do', async () => {
    const { proxier, logger } = await startFailing(
      new KubeSpliceError('STEERING_FAILED', 'nft: no', { remedy: 'Mend.' }),
    );
    expect(proxier.syncProgress().errors).toEqual(['STEERING_FAILED: nft: no']);
    const [told] = logger.lines.filter(({ message }) => message === 'sync failed');
    expect(told?.fields).toEqual({ steering: 'none', error: 'STEERING_FAILED: nft: no', remedy: 'Mend.' });
  });

  it('keeps the proxier from being synced until it has not failed', async () => {
    const { proxier, later, steering } = await startFailing();
    let isSynced = false;
    const synced = proxier.synced().then(() => {
      isSynced = true;
    });
    await later(1_000);
    expect(isSynced).toBe(false);
    steering.reason = null;
    await later(2_000);
    await synced;
    expect(proxier.syncProgress().succeeded).toBe(1);
  });

  it('is tried again after a second, then half as often each time, and once every sync period at least', async () => {
    const { later } = await startFailing();
    const failures: number[] = [];
    for (const ms of [999, 1, 1_999, 1, 3_999, 1, 4_999, 1, 4_999, 1]) failures.push(await later(ms));
    expect(failures).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
  });

  it('is tried again without any change, long before the sync period, and then no more', async () => {
    const { later, steering, proxier } = await startFailing();
    steering.reason = null;
    await later(1_000);
    expect(proxier.syncProgress()).toMatchObject({ pendingSince: null, succeeded: 1, failed: 1, errors: [] });
    await later(4_000);
    expect(steering.checks).toEqual(['everything', 'everything']);
  });

  it('is tried after a second again once it has worked', async () => {
    const { later, steering, proxier } = await startFailing();
    await later(1_000);
    steering.reason = null;
    await later(2_000);
    steering.reason = new Error('the lock is held again');
    proxier.update(stateOf([{ ...web, port: 81 }]));
    await proxier.settled();
    expect([await later(0), await later(999), await later(1)]).toEqual([3, 3, 4]);
  });

  it('tells each reason once for as long as it lasts', async () => {
    const { later, steering, logger } = await startFailing();
    await later(1_000);
    steering.reason = new Error('no such table');
    await later(2_000);
    await later(4_000);
    const told = logger.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields.error);
    expect(told).toEqual(['the lock is held', 'no such table']);
  });

  it('is not tried again once the proxier has stopped', async () => {
    const { later, steering, proxier } = await startFailing();
    await proxier.stop();
    await later(10_000);
    expect(steering.checks).toHaveLength(1);
  });
});

describe('what steering is asked to compare', () => {
  it('is what changed after a change; everything at first, once every sync period and after a failure', async () => {
    holdTimers('setTimeout', 'setInterval');
    const steering = new FailingSteering();
    steering.reason = null;
    const { proxier } = startProxier({ steering, syncPeriodMs: 30_000 });
    const settle = async (act: () => void): Promise<SteeringCheck | undefined> => {
      act();
      await proxier.settled();
      return steering.checks.at(-1);
    };
    const change = (port: number) => settle(() => proxier.update(stateOf([{ ...web, port }])));
    expect(await change(1)).toBe('everything');
    expect(await change(2)).toBe('changes');
    expect(await change(3)).toBe('changes');
    expect(await settle(() => vi.advanceTimersByTime(30_000))).toBe('everything');
    expect(await change(4)).toBe('changes');
    steering.reason = new Error('no memory');
    expect(await change(5)).toBe('changes');
    steering.reason = null;
    expect(await settle(() => vi.advanceTimersByTime(1_000))).toBe('everything');
    expect(await change(6)).toBe('changes');
    expect(steering.checks).toHaveLength(8);
  });
});

describe('what cannot be steered, though the rest is', () => {
  it('is among the errors of a sync that succeeded, as long as it lasts, and is told once', async () => {
    const steering = new FailingSteering();
    steering.reason = null;
    steering.problems = [new KubeSpliceError('STEERING_CONFLICT', 'default/web: default/api has it')];
    const { proxier, logger } = startProxier({ steering });
    for (const port of [1, 2, 3]) {
      proxier.update(stateOf([{ ...web, port }]));
      await proxier.settled();
    }
    const line = 'STEERING_CONFLICT: default/web: default/api has it';
    expect(proxier.syncProgress()).toMatchObject({
      succeeded: 3,
      failed: 0,
      pendingSince: null,
      errors: [line],
    });
    expect(logger.messages('error')).toEqual([line]);
    steering.problems = [];
    proxier.update(stateOf([web]));
    await proxier.settled();
    expect(proxier.syncProgress().errors).toEqual([]);
  });
});
