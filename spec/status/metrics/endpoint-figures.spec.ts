import { describe, expect, it } from 'vitest';
import { ENDPOINT_FIGURES } from '../../../src/status/metrics/endpoint-figures.js';
import { servicePortSeries } from '../../../src/status/metrics/service-port-series.js';
import { type EndpointStatus, servicePortStatus } from '../../../src/status/service-port-status.js';
import { aServicePortView, NOON } from '../../support/proxy-values.js';

const WELL = { address: '10.1.0.1', port: 80, connections: 2, totalConnections: 9, setAsideUntil: null };
const ASIDE = {
  ...WELL,
  address: 'fd00::2',
  connections: 0,
  totalConnections: 1,
  setAsideUntil: '2026-11-22T12:00:05Z',
};

async function linesOf(
  portal: { endpoints: readonly EndpointStatus[]; drainingEndpoints?: readonly EndpointStatus[] },
  external: typeof portal | null = null,
): Promise<readonly string[]> {
  const whole = servicePortStatus(aServicePortView({ endpoints: [] }), new Map(), NOON);
  const { external: _, ...own } = whole;
  const servicePort = {
    ...whole,
    ...portal,
    external: external === null ? null : { ...own, drainingEndpoints: [], ...external },
  };
  let text = '';
  for await (const piece of servicePortSeries([servicePort], ENDPOINT_FIGURES)) text += piece;
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/^kubesplice_endpoint_(\w+)\{.*endpoint="(.*?)".*\} /, '$1 $2 '));
}

describe('metrics of each endpoint', () => {
  it('tell what it carries, and whether it is set aside', async () => {
    expect(await linesOf({ endpoints: [WELL, ASIDE] })).toEqual([
      'connections_active 10.1.0.1:80 2',
      'connections_active [fd00::2]:80 0',
      'connections_total 10.1.0.1:80 9',
      'connections_total [fd00::2]:80 1',
      'set_aside 10.1.0.1:80 0',
      'set_aside [fd00::2]:80 1',
    ]);
  });

  it('are of both portals together, and of those that open connections still use', async () => {
    const external = {
      endpoints: [{ ...WELL, connections: 1, totalConnections: 3, setAsideUntil: ASIDE.setAsideUntil }],
    };
    expect(
      await linesOf({ endpoints: [WELL], drainingEndpoints: [{ ...WELL, port: 81 }] }, external),
    ).toEqual([
      'connections_active 10.1.0.1:80 3',
      'connections_active 10.1.0.1:81 2',
      'connections_total 10.1.0.1:80 12',
      'connections_total 10.1.0.1:81 9',
      'set_aside 10.1.0.1:80 1',
      'set_aside 10.1.0.1:81 0',
    ]);
  });
});
