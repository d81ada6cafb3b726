import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../src/model/errors.js';
import { SteeringSync } from '../../src/proxier/steering-sync.js';
import type { GuardedPortal } from '../../src/steering/steering.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { RecordingSteering } from '../support/started-proxier.js';
import { aRedirect } from '../support/steering-values.js';

const REDIRECTS = [aRedirect()];
const PORTALS: readonly GuardedPortal[] = [{ protocol: 'TCP', address: '0.0.0.0', port: 40_001 }];

const CONFLICT = new KubeSpliceError('STEERING_CONFLICT', 'default/b: default/a has it');
const UNSUPPORTED = new KubeSpliceError('STEERING_UNSUPPORTED', 'IPv6 is not steered');

/** Steering that answers each time what the spec has for it. */
class AnsweringSteering extends RecordingSteering {
  answers: (readonly KubeSpliceError[] | Error)[] = [];

  override async apply(...args: Parameters<RecordingSteering['apply']>): Promise<readonly KubeSpliceError[]> {
    await super.apply(...args);
    const answer = this.answers.shift() ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

function aSync() {
  const steering = new AnsweringSteering();
  const logger = new RecordingLogger();
  return { steering, logger, sync: new SteeringSync(steering, logger) };
}

describe('the sync of steering', () => {
  it('hands over redirects and portals as they are', async () => {
    const { sync, steering } = aSync();
    await sync.apply(REDIRECTS, PORTALS, false);
    expect(steering.states).toEqual([{ redirects: REDIRECTS, portals: PORTALS }]);
    expect(steering.states[0]?.redirects).toBe(REDIRECTS);
    expect(steering.states[0]?.portals).toBe(PORTALS);
  });

  it('compares everything the first time, only changes after that, and nothing where there are none', async () => {
    const { sync, steering } = aSync();
    await sync.apply(REDIRECTS, PORTALS, false);
    await sync.apply(REDIRECTS, PORTALS, false);
    expect(steering.checks).toEqual(['everything']);
    await sync.apply([...REDIRECTS], PORTALS, false);
    expect(steering.checks).toEqual(['everything', 'changes']);
  });

  it('tells of portals also where no redirect changed: a portal that nothing is steered to is guarded', async () => {
    const { sync, steering } = aSync();
    await sync.apply(REDIRECTS, PORTALS, false);
    await sync.apply(REDIRECTS, [], false);
    expect(steering.states[1]).toEqual({ redirects: REDIRECTS, portals: [] });
    expect(steering.checks[1]).toBe('changes');
  });

  it('compares everything when it is told to, changed or not', async () => {
    const { sync, steering } = aSync();
    for (const everything of [true, true, false]) await sync.apply(REDIRECTS, PORTALS, everything);
    expect(steering.checks).toEqual(['everything', 'everything']);
  });

  it('compares everything after a failure, though nothing changed', async () => {
    const { sync, steering } = aSync();
    const failure = new KubeSpliceError('STEERING_FAILED', 'the lock is held');
    steering.answers = [[], failure, failure, []];
    await sync.apply(REDIRECTS, PORTALS, false);
    const changed = [...REDIRECTS];
    await expect(sync.apply(changed, PORTALS, false)).rejects.toBe(failure);
    await expect(sync.apply(changed, PORTALS, false)).rejects.toBe(failure);
    await sync.apply(changed, PORTALS, false);
    await sync.apply(changed, PORTALS, false);
    expect(steering.checks).toEqual(['everything', 'changes', 'everything', 'everything']);
  });

  it('compares everything after a failure also where the state of before comes back', async () => {
    const { sync, steering } = aSync();
    steering.answers = [[], new Error('half of it is written')];
    await sync.apply(REDIRECTS, PORTALS, false);
    await expect(sync.apply([], PORTALS, false)).rejects.toThrow('half of it');
    await sync.apply(REDIRECTS, PORTALS, false);
    expect(steering.checks.at(-1)).toBe('everything');
    expect(steering.states.at(-1)?.redirects).toBe(REDIRECTS);
  });
});

describe('what could not be steered', () => {
  it('is listed as long as it lasts, and told once, with what to do about it', async () => {
    const { sync, steering, logger } = aSync();
    steering.answers = [[CONFLICT], [CONFLICT, UNSUPPORTED], [UNSUPPORTED], []];
    const listed: (readonly string[])[] = [sync.problems];
    for (const _ of steering.answers.slice()) {
      await sync.apply(REDIRECTS, PORTALS, true);
      listed.push(sync.problems);
    }
    const [conflict, unsupported] = [
      'STEERING_CONFLICT: default/b: default/a has it',
      'STEERING_UNSUPPORTED: IPv6 is not steered',
    ];
    expect(listed).toEqual([[], [conflict], [conflict, unsupported], [unsupported], []]);
    expect(logger.lines).toEqual([
      { level: 'error', message: conflict, fields: { remedy: CONFLICT.remedy } },
      { level: 'error', message: unsupported, fields: { remedy: UNSUPPORTED.remedy } },
    ]);
  });

  it('is told anew when it comes back', async () => {
    const { sync, steering, logger } = aSync();
    steering.answers = [[CONFLICT], [], [CONFLICT]];
    for (const _ of steering.answers.slice()) await sync.apply(REDIRECTS, PORTALS, true);
    expect(logger.messages('error')).toHaveLength(2);
  });

  it('stays listed when nothing is asked anew, and when a sync fails', async () => {
    const { sync, steering } = aSync();
    steering.answers = [[CONFLICT], new Error('no')];
    await sync.apply(REDIRECTS, PORTALS, false);
    await sync.apply(REDIRECTS, PORTALS, false);
    expect(sync.problems).toHaveLength(1);
    await expect(sync.apply([], PORTALS, false)).rejects.toThrow();
    expect(sync.problems).toHaveLength(1);
  });
});
