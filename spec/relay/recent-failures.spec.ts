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
  expect(next.failures).toHaveLength(25);
  expect(next.udpSessionsExhaustedAt).toEqual([7]);
  expect(next.connectionsExhaustedAt).toEqual([['default/web', 8]]);
});
