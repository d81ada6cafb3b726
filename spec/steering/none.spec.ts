import { describe, expect, it } from 'vitest';
import { NoSteering } from '../../src/steering/none.js';

describe('no steering', () => {
  it('takes any list of redirects, and needs no privilege for it', async () => {
    const portal = { address: '0.0.0.0', port: 40_000 };
    const redirect = {
      servicePort: 'default/web',
      protocol: 'TCP',
      kind: 'ClusterIP',
      family: 'IPv4',
      address: '10.96.0.1',
      port: 80,
      sourceRanges: [],
      portal,
      verdict: 'redirect',
      fromNode: null,
    } as const;
    const state = { redirects: [redirect], portals: [] };
    await expect(new NoSteering().apply(state, 'everything')).resolves.toEqual([]);
    await expect(new NoSteering().steers()).resolves.toBe(false);
    expect(new NoSteering().rulesOf()).toEqual([]);
    expect(new NoSteering().ruleCounts().size).toBe(0);
    await expect(new NoSteering().refused()).resolves.toBeNull();
  });
});
