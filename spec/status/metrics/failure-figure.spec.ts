import { expect, it } from 'vitest';
import type { FailureReason } from '../../../src/relay/engine.js';
import { type FailuresOf, failureFigure } from '../../../src/status/metrics/failure-figure.js';
import { aReport } from '../../support/proxy-values.js';

it('has the failures of all portals of a service port by reason, and nothing where there were none', () => {
  const [servicePort] = aReport().servicePorts;
  if (servicePort === undefined) throw new Error('a report without service ports');
  const { name } = servicePort;
  const told: Record<string, [FailureReason, number][]> = {
    [name]: [
      ['dial-refused', 1],
      ['dial-timeout', 2],
    ],
    [`${name}@external`]: [['dial-refused', 10]],
    [`${name}@dual-stack`]: [['no-endpoints', 100]],
    [`${name}@external@dual-stack`]: [['dial-timeout', 1_000]],
    'default/other': [['dial-refused', 10_000]],
  };
  const failuresOf: FailuresOf = (portal) => new Map(told[portal] ?? []);
  expect(failureFigure(failuresOf).of(servicePort)).toEqual({
    'dial-refused': 11,
    'dial-timeout': 1_002,
    'no-endpoints': 100,
  });
  expect(failureFigure(() => new Map()).of(servicePort)).toEqual({});
});
