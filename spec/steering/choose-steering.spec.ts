import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import { chooseSteering } from '../../src/steering/choose-steering.js';

describe('the choice of steering', () => {
  it.each(['auto', 'iptables', 'nftables'] as const)(
    'is none for %s, and says what that means',
    (steering) => {
      expect(chooseSteering({ ...DEFAULT_CONFIG, steering })).toMatchObject({
        steering: { kind: 'none' },
        reason: `--steering=${steering}: this version writes no packet rules; connect to the portals themselves`,
      });
    },
  );

  it('is none where that was asked for', () => {
    expect(chooseSteering({ ...DEFAULT_CONFIG, steering: 'none' }).reason).toBe('--steering=none');
  });
});
