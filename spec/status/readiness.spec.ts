import { describe, expect, it } from 'vitest';
import { whyUnready } from '../../src/status/readiness.js';
import { NOON, statusInput } from '../support/proxy-values.js';

const progress = statusInput().view.syncProgress();

describe('a proxy', () => {
  it('is not ready before its first sync, and says that it waits for it', () => {
    expect(whyUnready({ ...progress, lastSynced: null, errors: [] }, false)).toBe(
      'waiting for the first sync',
    );
  });

  it('is not ready while no sync ends well, and says why', () => {
    const errors = ['STEERING_FAILED: the lock is held', 'another'];
    expect(whyUnready({ ...progress, lastSynced: null, errors }, false)).toBe(
      'no sync has ended well yet: STEERING_FAILED: the lock is held',
    );
  });

  it('is ready from the first good sync on, also while later ones fail', () => {
    expect(whyUnready({ ...progress, lastSynced: NOON, errors: ['the lock is held'] }, false)).toBeNull();
  });

  it('is not ready once it was asked to end', () => {
    expect(whyUnready({ ...progress, lastSynced: NOON }, true)).toMatch(/asked to end/);
  });
});
