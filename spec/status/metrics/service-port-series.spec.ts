import { describe, expect, it } from 'vitest';
import { SERVICE_PORT_FIGURES } from '../../../src/status/metrics/service-port-figures.js';
import { servicePortSeries } from '../../../src/status/metrics/service-port-series.js';
import type { PortalStatus, ServicePortStatus } from '../../../src/status/service-port-status.js';
import { readExposition } from '../../support/exposition.js';
import { aReport } from '../../support/proxy-values.js';

const ENDPOINT = {
  address: '10.1.0.1',
  port: 3000,
  connections: 0,
  totalConnections: 0,
  setAsideUntil: null,
};
const SET_ASIDE = { ...ENDPOINT, setAsideUntil: '2026-11-22T12:00:01.000Z' };

function aStatus(changes: Partial<ServicePortStatus> = {}): ServicePortStatus {
  const [servicePort] = aReport().servicePorts;
  if (servicePort === undefined) throw new Error('a report without service ports');
  return { ...servicePort, name: 'shop/web:http', ...changes };
}

function portalOf(changes: Partial<PortalStatus>): PortalStatus {
  return { ...aStatus(), ...changes };
}

async function pageOf(...servicePorts: readonly ServicePortStatus[]) {
  const pieces: string[] = [];
  for await (const piece of servicePortSeries(servicePorts, SERVICE_PORT_FIGURES)) pieces.push(piece);
  const page = readExposition(pieces.join(''));
  return (name: string) => Object.fromEntries(page.get(`kubesplice_${name}`)?.series ?? []);
}

const WEB = 'namespace="shop",service="web",port_name="http",protocol="TCP"';

describe('the series of a service port', () => {
  it('have its namespace, Service, port name and protocol, and an empty port name where it has none', async () => {
    const page = await pageOf(aStatus(), aStatus({ name: 'shop/dns', protocol: 'UDP', udpSessions: 3 }));
    expect(page('portal_open')).toEqual({
      [`{${WEB}}`]: 1,
      '{namespace="shop",service="dns",port_name="",protocol="UDP"}': 1,
    });
  });

  it('tell how many of its endpoints are set aside', async () => {
    const page = await pageOf(aStatus({ endpoints: [ENDPOINT, SET_ASIDE, SET_ASIDE] }));
    expect(page('endpoints')).toEqual({ [`{${WEB}}`]: 3 });
    expect(page('endpoints_set_aside')).toEqual({ [`{${WEB}}`]: 2 });
  });

  it('are sums of the portals that internal and external traffic have', async () => {
    const external = portalOf({ totalConnections: 30, bytesIn: 300, bytesOut: 3_000, noEndpoints: 7 });
    const page = await pageOf(
      aStatus({ totalConnections: 10, bytesIn: 100, bytesOut: 1_000, noEndpoints: 1, external }),
    );
    expect(page('connections_total')).toEqual({ [`{${WEB}}`]: 40 });
    expect(page('bytes_total')).toEqual({
      [`{${WEB},direction="in"}`]: 400,
      [`{${WEB},direction="out"}`]: 4_000,
    });
    expect(page('refused_total')[`{${WEB},reason="no-endpoints"}`]).toBe(8);
  });

  it('say that it is not open where one of its portals is not', async () => {
    const page = await pageOf(aStatus({ external: portalOf({ portal: null }) }), aStatus({ name: 'a/b' }));
    expect(Object.values(page('portal_open'))).toEqual([0, 1]);
  });

  it('count by reason what was refused', async () => {
    const page = await pageOf(aStatus({ noEndpoints: 1, refusedForFiles: 2, refusedForPlace: 3 }));
    expect(page('refused_total')).toEqual({
      [`{${WEB},reason="no-endpoints"}`]: 1,
      [`{${WEB},reason="out-of-files"}`]: 2,
      [`{${WEB},reason="too-many-connections"}`]: 3,
    });
  });

  it('have failures by reason, and none for what has not failed', async () => {
    const external = portalOf({ failures: { 'dial-refused': 10, 'endpoint-reset': 20 } });
    const page = await pageOf(
      aStatus({ failures: { 'dial-refused': 1 }, external }),
      aStatus({ name: 'a/b' }),
    );
    expect(page('failures_total')).toEqual({
      [`{${WEB},reason="dial-refused"}`]: 11,
      [`{${WEB},reason="endpoint-reset"}`]: 20,
    });
  });

  it('have how long dials took, as a histogram of seconds, where there were any', async () => {
    const external = portalOf({
      dialTimes: { counts: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2], sumMs: 9_000 },
    });
    const dialTimes = { counts: [3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], sumMs: 2.5 };
    const page = (await pageOf(aStatus({ dialTimes, external }), aStatus({ name: 'a/b' })))(
      'dial_duration_seconds',
    );
    expect(Object.keys(page)).toHaveLength(16);
    expect(page).toMatchObject({
      [`_bucket{${WEB},le="0.00025"}`]: 3,
      [`_bucket{${WEB},le="0.0005"}`]: 7,
      [`_bucket{${WEB},le="1"}`]: 7,
      [`_bucket{${WEB},le="2"}`]: 8,
      [`_bucket{${WEB},le="+Inf"}`]: 10,
      [`_sum{${WEB}}`]: 9.0025,
      [`_count{${WEB}}`]: 10,
    });
  });

  it('have datagrams each way, and those dropped by reason', async () => {
    const page = await pageOf(
      aStatus({
        protocol: 'UDP',
        datagramsIn: 5,
        datagramsOut: 6,
        droppedDatagrams: 7,
        droppedByReason: { 'too-long': 3, 'icmp-refused': 4 },
      }),
    );
    const dns = WEB.replace('TCP', 'UDP');
    expect(page('datagrams_total')).toEqual({
      [`{${dns},direction="in"}`]: 5,
      [`{${dns},direction="out"}`]: 6,
    });
    expect(page('datagrams_dropped_total')).toEqual({
      [`{${dns},reason="too-long"}`]: 3,
      [`{${dns},reason="icmp-refused"}`]: 4,
    });
  });

  it('have datagrams that an older relay dropped for a reason it does not tell', async () => {
    const page = await pageOf(aStatus({ protocol: 'UDP', droppedDatagrams: 7 }));
    expect(Object.entries(page('datagrams_dropped_total'))).toEqual([
      [expect.stringContaining('reason="unknown"'), 7],
    ]);
  });

  it('have a limit of connections only where there is one', async () => {
    const page = await pageOf(
      aStatus({ maxConnections: 50 }),
      aStatus({ name: 'a/b', maxConnections: null }),
    );
    expect(page('connections_limit')).toEqual({ [`{${WEB}}`]: 50 });
  });

  it.each([
    ['connections_active', { activeConnections: 4 }],
    ['affinity_entries', { affinityEntries: 4 }],
    ['connection_waits_total', { waitedForPlace: 4 }],
    ['dial_failures_total', { dialFailures: 4 }],
    ['half_closed_timeouts_total', { halfClosedTimeouts: 4 }],
  ])('of TCP: %s', async (name, changes) => {
    expect((await pageOf(aStatus(changes)))(name)).toEqual({ [`{${WEB}}`]: 4 });
  });

  it.each([
    ['udp_sessions_active', { udpSessions: 4 }],
    ['udp_sessions_total', { totalUdpSessions: 4 }],
    ['udp_sessions_evicted_total', { evictedUdpSessions: 4 }],
  ])('of UDP: %s', async (name, changes) => {
    const page = await pageOf(aStatus({ ...changes, protocol: 'UDP' }));
    expect(page(name)).toEqual({ [`{${WEB.replace('TCP', 'UDP')}}`]: 4 });
  });

  it('are none of the other protocol', async () => {
    const page = await pageOf(aStatus(), aStatus({ name: 'shop/dns', protocol: 'UDP' }));
    const protocolsOf = (name: string) =>
      Object.keys(page(name)).map((labels) => /protocol="(\w+)"/.exec(labels)?.[1]);
    expect(['connections_total', 'udp_sessions_total', 'datagrams_total'].map(protocolsOf)).toEqual([
      ['TCP'],
      ['UDP'],
      ['UDP', 'UDP'],
    ]);
    expect(Object.keys(page('refused_total')).filter((labels) => labels.includes('UDP'))).toEqual([
      '{namespace="shop",service="dns",port_name="",protocol="UDP",reason="no-endpoints"}',
    ]);
  });

  it('keep within their line, whatever a name holds', async () => {
    const pieces: string[] = [];
    for await (const piece of servicePortSeries([aStatus({ name: 'a\\b/c"d\ne' })], SERVICE_PORT_FIGURES))
      pieces.push(piece);
    const [line] = /^kubesplice_portal_open\{.*$/m.exec(pieces.join('')) ?? [];
    expect(line).toBe(
      'kubesplice_portal_open{namespace="a\\\\b",service="c\\"d\\ne",port_name="",protocol="TCP"} 1',
    );
  });

  it('are complete, and each there once, where they are many', async () => {
    const many = Array.from({ length: 1_001 }, (_, n) => aStatus({ name: `shop/web-${n}` }));
    const page = await pageOf(...many);
    expect(Object.keys(page('endpoints'))).toHaveLength(1_001);
  });

  it('are written with turns of the event loop in between', async () => {
    const many = Array.from({ length: 600 }, (_, n) => aStatus({ name: `shop/web-${n}` }));
    let turns = 0;
    let going = true;
    const turn = (): void => {
      turns += 1;
      if (going) setImmediate(turn);
    };
    setImmediate(turn);
    await pageOf(...many);
    going = false;
    expect(turns).toBeGreaterThan(15);
  });
});
