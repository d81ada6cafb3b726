import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../../src/model/service-port.js';
import { SAMPLES, TrafficHistory } from '../../../src/status/page/traffic-history.js';
import { type ServicePortTraffic, trafficOf } from '../../../src/status/watch/traffic-rates.js';
import { aReport, aServicePort, aServicePortView, aView } from '../../support/proxy-values.js';

function carrying(name: ServicePortName, newPerSecond: number | null, bytes = 0): ServicePortTraffic {
  const view = aView([aServicePortView({ servicePort: aServicePort({ name }) })]);
  const [row] = trafficOf(aReport({ view }), null);
  if (row === undefined) throw new Error('a report has the service ports of its view');
  return { ...row, newPerSecond, bytesInPerSecond: bytes, bytesOutPerSecond: 1 };
}

describe('the traffic history', () => {
  it('has the last rates, the oldest first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { maxLength: 3 * SAMPLES }), (rates) => {
        const history = new TrafficHistory();
        for (const rate of rates) history.add([carrying('default/a', rate)]);
        expect(history.of('default/a').connections).toEqual(rates.slice(-SAMPLES));
      }),
      { numRuns: 20 },
    );
  });

  it('adds up what all service ports carry, both ways', () => {
    const history = new TrafficHistory();
    history.add([carrying('default/a', 1, 10), carrying('default/b', 2, 20)]);
    expect(history.total).toEqual({ connections: [3], bytes: [32] });
  });

  it('forgets what is not proxied any more', () => {
    const history = new TrafficHistory();
    history.add([carrying('default/a', 1)]);
    history.add([carrying('default/b', 1)]);
    expect(history.of('default/a').connections).toEqual([]);
    expect(history.of('default/b').connections).toEqual([0, 1]);
  });
});
