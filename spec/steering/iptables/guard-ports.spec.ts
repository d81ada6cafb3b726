import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupPorts, PORTS_IN_A_RULE } from '../../../src/steering/iptables/guard-ports.js';

const ports = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 300 });
const anyGroups = fc.array(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 15 }), { maxLength: 40 });

describe('the groups of guarded ports', () => {
  it('hold every port once, and none beside them, however they were before', () => {
    fc.assert(
      fc.property(anyGroups, ports, (before, wanted) => {
        const groups = groupPorts(before, new Set(wanted));
        expect(groups.flat().toSorted((a, b) => a - b)).toEqual(wanted.toSorted((a, b) => a - b));
        expect(groups.every((group) => group.length > 0 && group.length <= PORTS_IN_A_RULE)).toBe(true);
      }),
    );
  });

  it('change in one place for one port more or less', () => {
    fc.assert(
      fc.property(ports, fc.integer({ min: 500, max: 600 }), (wanted, newcomer) => {
        const before = groupPorts([], new Set(wanted));
        const after = groupPorts(before, new Set([...wanted, newcomer]));
        const texts = new Set(before.map((group) => group.join()));
        expect(after.filter((group) => !texts.has(group.join()))).toHaveLength(1);
        expect(groupPorts(after, new Set(wanted)).flat().toSorted()).toEqual(before.flat().toSorted());
      }),
    );
  });

  it('stay as they are where the ports do', () => {
    fc.assert(
      fc.property(ports, (wanted) => {
        const before = groupPorts([], new Set(wanted));
        expect(groupPorts(before, new Set(wanted))).toEqual(before);
      }),
    );
  });

  it('are never more than twice as many as are needed', () => {
    fc.assert(
      fc.property(anyGroups, ports, (before, wanted) => {
        const needed = Math.ceil(wanted.length / PORTS_IN_A_RULE);
        expect(groupPorts(before, new Set(wanted)).length).toBeLessThanOrEqual(2 * needed + 1);
      }),
    );
  });
});
