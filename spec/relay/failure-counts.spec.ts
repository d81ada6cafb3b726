import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../src/model/service-port.js';
import type { FailureReason, RelayFailure } from '../../src/relay/engine.js';
import { FailureCounts } from '../../src/relay/failure-counts.js';
import { RecordingObserver } from '../support/recording-observer.js';

function failureOf(name: ServicePortName, reason: FailureReason): RelayFailure {
  return { name, protocol: 'TCP', client: { address: '10.0.0.1', port: 1 }, reason, final: true };
}

describe('what a relay tells of failures', () => {
  it('is counted by portal and reason, and passed on with everything else', () => {
    const next = new RecordingObserver();
    const counts = new FailureCounts(next);
    for (const reason of ['dial-refused', 'dial-refused', 'no-endpoints'] as const)
      counts.failure(failureOf('a/web', reason));
    counts.failure(failureOf('a/web@external', 'dial-timeout'));
    counts.udpSessionsExhausted(7);
    counts.connectionsExhausted('a/web', 8);
    expect(Object.fromEntries(counts.of('a/web'))).toEqual({ 'dial-refused': 2, 'no-endpoints': 1 });
    expect(Object.fromEntries(counts.of('a/web@external'))).toEqual({ 'dial-timeout': 1 });
    expect(counts.of('a/other').size).toBe(0);
    expect(next.failures).toHaveLength(4);
    expect(next.udpSessionsExhaustedAt).toEqual([7]);
    expect(next.connectionsExhaustedAt).toEqual([['a/web', 8]]);
  });

  it('is bounded: the portals that failed longest ago are forgotten', () => {
    const counts = new FailureCounts(new RecordingObserver());
    counts.failure(failureOf('a/first', 'dial-refused'));
    counts.failure(failureOf('a/second', 'dial-refused'));
    counts.failure(failureOf('a/first', 'dial-refused'));
    for (let n = 0; n < 65_535; n += 1) counts.failure(failureOf(`b/${n}`, 'dial-refused'));
    expect(counts.of('a/second').size).toBe(0);
    expect(counts.of('a/first').get('dial-refused')).toBe(2);
  });
});
