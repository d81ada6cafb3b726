import { expect, it } from 'vitest';
import type { RelayFailure } from '../../src/relay/engine.js';
import { RecentFailures } from '../../src/relay/recent-failures.js';
import { RecordingObserver } from '../support/recording-observer.js';

it('keeps the last ten failures, and passes everything on', () => {
  const next = new RecordingObserver();
  let now = 0;
  const recent = new RecentFailures(next, () => now);
  const failureOf = (port: number): RelayFailure => ({
    name: 'default/web',
    protocol: 'TCP',
    client: { address: '10.0.0.1', port },
    reason: 'no-endpoints',
    final: true,
  });
  for (now = 1; now <= 25; now += 1) recent.failure(failureOf(now));
  recent.udpSessionsExhausted(7);
  recent.connectionsExhausted('default/web', 8);
  expect(recent.failures.map(({ at }) => at)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  expect(recent.failures.at(-1)?.failure.client.port).toBe(25);
  expect(recent.of('default/web').map(({ at }) => at)).toEqual([21, 22, 23, 24, 25]);
  expect(recent.of('default/nobody')).toEqual([]);
  expect(next.failures).toHaveLength(25);
  expect(next.udpSessionsExhaustedAt).toEqual([7]);
  expect(next.connectionsExhaustedAt).toEqual([['default/web', 8]]);
});

it('keeps those of the thousand portals that failed last', () => {
  const recent = new RecentFailures(new RecordingObserver(), () => 0);
  const fail = (portal: number): void =>
    recent.failure({
      name: `default/web-${portal}`,
      protocol: 'TCP',
      client: { address: '10.0.0.1', port: 1 },
      reason: 'no-endpoints',
      final: true,
    });
  for (let portal = 0; portal < 1_000; portal += 1) fail(portal);
  fail(0);
  fail(1_000);
  const kept = (portal: number) => recent.of(`default/web-${portal}`).length;
  expect([0, 1, 2, 1_000].map(kept)).toEqual([2, 0, 1, 1]);
});
