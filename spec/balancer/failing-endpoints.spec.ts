import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Balancer } from '../../src/balancer/balancer.js';
import {
  ASIDE_JITTER,
  FAILURES_TO_SET_ASIDE,
  FailingEndpoints,
  FIRST_ASIDE_MS,
  LONGEST_ASIDE_MS,
  TRIAL_MS,
} from '../../src/balancer/failing-endpoints.js';
import { type Endpoint, type EndpointKey, endpoint } from '../../src/model/endpoint.js';
import type { SessionAffinity } from '../../src/model/service-port.js';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** What happens to a portal: a client connects, and its dial ends well or not; or time passes. */
interface Turn {
  readonly client: number;
  readonly afterMs: number;
}

const turns = fc.array(
  fc.record({ client: fc.nat(5), afterMs: fc.oneof(fc.nat(50), fc.nat(5_000), fc.nat(90_000)) }),
  { minLength: 1, maxLength: 200 },
);
const affinities = fc.constantFrom<SessionAffinity>(
  { type: 'None' },
  { type: 'ClientIP', timeoutSeconds: 10_800 },
);

function endpointsOf(count: number): readonly Endpoint[] {
  return Array.from({ length: count }, (_, index) => endpoint(`10.0.0.${index + 1}`, 80));
}

/** Picks turn after turn; what is picked ends at once, well where `isWell` says so. */
function connect(
  balancer: Balancer,
  turnsToTake: readonly Turn[],
  isWell: (key: EndpointKey, now: number) => boolean,
): { readonly key: EndpointKey; readonly client: string; readonly now: number }[] {
  let now = 0;
  return turnsToTake.map(({ client: number, afterMs }) => {
    now += afterMs;
    const client = `client ${number}`;
    const key = balancer.pick(client, now)?.key ?? 'none';
    if (isWell(key, now)) balancer.succeeded(key);
    else {
      balancer.failed(key, now);
      balancer.forget(client, key);
    }
    return { key, client, now };
  });
}

describe('an endpoint that fails', () => {
  it('is set aside for ever longer, within the bounds, until it is well', () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 40 }), (jitter, trials) => {
        const failing = new FailingEndpoints();
        let now = 0;
        for (let n = 1; n < FAILURES_TO_SET_ASIDE; n += 1) failing.failed('A', now, jitter);
        expect(failing.isPassedOver('A', now)).toBe(false);
        for (let trial = 0; trial < trials; trial += 1) {
          failing.failed('A', now, jitter);
          const whileMs = failing.setAside(now).get('A') ?? 0;
          const longest = Math.min(LONGEST_ASIDE_MS, FIRST_ASIDE_MS * 2 ** trial);
          expect(whileMs).toBeLessThanOrEqual(longest);
          expect(whileMs).toBeGreaterThanOrEqual(Math.floor(longest * (1 - ASIDE_JITTER)));
          expect(failing.isPassedOver('A', now + whileMs - 1)).toBe(true);
          now += whileMs;
          expect(failing.isPassedOver('A', now)).toBe(false);
          failing.picked('A', now);
          expect(failing.isPassedOver('A', now + TRIAL_MS - 1)).toBe(true);
          expect(failing.isPassedOver('A', now + TRIAL_MS)).toBe(false);
        }
        failing.succeeded('A');
        expect([failing.isPassedOver('A', now), failing.isEmpty]).toEqual([false, true]);
      }),
    );
  });

  it('costs clients no more than three dials and one for each while, beside any number of good ones', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }),
        affinities,
        random,
        turns,
        (count, affinity, start, taken) => {
          const balancer = new Balancer(() => start);
          const [bad, ...good] = endpointsOf(count);
          balancer.route(endpointsOf(count), affinity, 0);
          const picked = connect(balancer, taken, (key) => key !== bad?.key);
          const onBad = picked.filter(({ key }) => key === bad?.key);
          expect(picked.length - onBad.length).toBe(
            picked.filter(({ key }) => good.some((one) => one.key === key)).length,
          );
          for (const [index, { now }] of onBad.entries()) {
            const before = onBad[index - 1];
            if (before === undefined || index < FAILURES_TO_SET_ASIDE) continue;
            const whileMs = Math.min(LONGEST_ASIDE_MS, FIRST_ASIDE_MS * 2 ** (index - FAILURES_TO_SET_ASIDE));
            expect(now - before.now).toBeGreaterThanOrEqual(Math.floor(whileMs * (1 - ASIDE_JITTER)));
          }
        },
      ),
    );
  });

  it('is tried again, and then takes its turns again, once it is well', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), random, turns, (count, start, taken) => {
        const balancer = new Balancer(() => start);
        const endpoints = endpointsOf(count);
        const bad = endpoints[0]?.key ?? '';
        balancer.route(endpoints, { type: 'None' }, 0);
        const failedUntil = taken.reduce((sum, { afterMs }) => sum + afterMs, 0);
        connect(balancer, taken, (key) => key !== bad);
        const well = failedUntil + LONGEST_ASIDE_MS;
        const round = () =>
          endpoints.map(() => {
            const key = balancer.pick('c', well)?.key ?? '';
            balancer.succeeded(key);
            return key;
          });
        round();
        expect(round().sort()).toEqual(endpoints.map(({ key }) => key).sort());
      }),
    );
  });

  it('leaves every connection an endpoint, whichever fail and when', () => {
    const outcomes = fc.array(fc.boolean(), { minLength: 200, maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        affinities,
        turns,
        outcomes,
        (count, affinity, taken, ends) => {
          const balancer = new Balancer(() => 0.5);
          balancer.route(endpointsOf(count), affinity, 0);
          let turn = 0;
          const picked = connect(balancer, taken, () => ends[turn++ % ends.length] ?? true);
          expect(picked.every(({ key }) => key !== 'none')).toBe(true);
          expect(balancer.setAside(0).size).toBeLessThan(Math.max(count, 1));
        },
      ),
    );
  });

  it('keeps every client with one endpoint while that is well', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), turns, (count, taken) => {
        const balancer = new Balancer(() => 0);
        const endpoints = endpointsOf(count);
        const bad = endpoints[0]?.key ?? '';
        balancer.route(endpoints, { type: 'ClientIP', timeoutSeconds: 86_400 * 365 }, 0);
        const boundTo = new Map<string, EndpointKey>();
        for (const { key, client } of connect(balancer, taken, (picked) => picked !== bad)) {
          const before = boundTo.get(client);
          if (before !== undefined && before !== bad) expect(key).toBe(before);
          boundTo.set(client, key);
        }
      }),
    );
  });
});
