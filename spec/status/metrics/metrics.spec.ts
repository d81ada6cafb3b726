import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/status/metrics/metrics.js';
import type { StatusReport } from '../../../src/status/status-report.js';
import { readExposition } from '../../support/exposition.js';
import {
  aReport,
  aSourceStatus,
  NOON,
  noRelayProcess,
  statusInput,
  syncProgress,
} from '../../support/proxy-values.js';

async function pageOf(report: StatusReport = aReport(), progress = syncProgress()) {
  const { body } = await new Metrics(
    async () => report,
    () => progress,
    noRelayProcess,
  ).page();
  return readExposition(body);
}

function seriesOf(page: Awaited<ReturnType<typeof pageOf>>, name: string) {
  return Object.fromEntries(page.get(name)?.series ?? []);
}

const RULE_COUNTS = new Map([
  ['filter', 3],
  ['nat', 5],
]);

describe('the metrics', () => {
  it('are served as the text format that Prometheus reads', async () => {
    const { contentType, body } = await new Metrics(
      async () => aReport(),
      syncProgress,
      noRelayProcess,
    ).page();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body.endsWith('\n')).toBe(true);
  });

  const recorded = readExposition(
    readFileSync('spec/fixtures/kube-proxy-1.25/iptables.metrics.prom', 'utf8'),
  );

  it.each([
    'kubeproxy_network_programming_duration_seconds',
    'kubeproxy_sync_proxy_rules_duration_seconds',
    'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
    'kubeproxy_sync_proxy_rules_endpoint_changes_total',
    'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
    'kubeproxy_sync_proxy_rules_iptables_total',
    'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
    'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
    'kubeproxy_sync_proxy_rules_service_changes_pending',
    'kubeproxy_sync_proxy_rules_service_changes_total',
  ])("have kube-proxy's %s, with its type, words and buckets", async (name) => {
    const page = await pageOf(aReport(), syncProgress({ ruleCounts: RULE_COUNTS }));
    const [ours, theirs] = [page.get(name), recorded.get(name)];
    expect(theirs).toBeDefined();
    expect([ours?.type, ours?.help]).toEqual([theirs?.type, theirs?.help]);
    expect([...(ours?.series.keys() ?? [])]).toEqual([...(theirs?.series.keys() ?? [])]);
  });

  it('count services with a Local traffic policy that have no endpoint here', async () => {
    const [servicePort] = aReport().servicePorts;
    if (servicePort === undefined) throw new Error('a report without service ports');
    const without = { ...servicePort, endpoints: [] };
    const page = await pageOf({
      ...aReport(),
      servicePorts: [
        servicePort,
        without,
        { ...servicePort, internalTrafficPolicy: 'Local' as const },
        { ...without, internalTrafficPolicy: 'Local' as const },
        { ...servicePort, externalTrafficPolicy: 'Local' as const, external: without },
        { ...without, externalTrafficPolicy: 'Local' as const, external: servicePort },
        { ...without, externalTrafficPolicy: 'Local' as const, internalTrafficPolicy: 'Local' as const },
      ].map((each, n) => ({ ...each, name: `default/web-${n}` })),
    });
    expect(seriesOf(page, 'kubeproxy_sync_proxy_rules_no_local_endpoints_total')).toEqual({
      '{traffic_policy="internal"}': 2,
      '{traffic_policy="external"}': 2,
    });
  });

  it('measure syncs, and how long after its cause a change of endpoints is in force', async () => {
    const metrics = new Metrics(async () => aReport(), syncProgress, noRelayProcess);
    metrics.syncEnded(1);
    metrics.syncEnded(3_000);
    metrics.programmed(700);
    const page = readExposition((await metrics.page()).body);
    expect(seriesOf(page, 'kubeproxy_sync_proxy_rules_duration_seconds')).toMatchObject({
      '_bucket{le="0.001"}': 1,
      '_bucket{le="2.048"}': 1,
      '_bucket{le="4.096"}': 2,
      '_bucket{le="+Inf"}': 2,
      '_sum{}': 3.001,
      '_count{}': 2,
    });
    expect(seriesOf(page, 'kubeproxy_network_programming_duration_seconds')).toMatchObject({
      '_bucket{le="0.5"}': 0,
      '_bucket{le="1"}': 1,
      '_sum{}': 0.7,
    });
  });

  it('tell of the last syncs, and of what waits for one', async () => {
    const changes = { services: 7, endpoints: 9, pendingServices: 2, pendingEndpoints: 3 };
    const progress = syncProgress({ lastSynced: NOON, lastQueued: NOON + 500, failed: 4, changes });
    const page = await pageOf(aReport(), progress);
    const value = (name: string) => seriesOf(page, `kubeproxy_sync_proxy_rules_${name}`)['{}'];
    expect(value('last_timestamp_seconds')).toBe(NOON / 1_000);
    expect(value('last_queued_timestamp_seconds')).toBe(NOON / 1_000 + 0.5);
    expect([value('service_changes_total'), value('service_changes_pending')]).toEqual([7, 2]);
    expect([value('endpoint_changes_total'), value('endpoint_changes_pending')]).toEqual([9, 3]);
  });

  it("count the rules of each of iptables' tables, while they stand", async () => {
    const name = 'kubeproxy_sync_proxy_rules_iptables_total';
    let progress = syncProgress({ ruleCounts: RULE_COUNTS });
    const metrics = new Metrics(
      async () => aReport(),
      () => progress,
      noRelayProcess,
    );
    const series = async () => seriesOf(readExposition((await metrics.page()).body), name);
    expect(await series()).toEqual({ '{table="filter"}': 3, '{table="nat"}': 5 });
    progress = syncProgress();
    expect(await series()).toEqual({});
  });

  it.each([
    ['iptables', 4],
    ['nftables', 0],
    ['none', 0],
  ] as const)('count failures of iptables-restore where steering is %s', async (kind, failures) => {
    const { facts } = statusInput();
    const report = aReport({ facts: { ...facts, steering: { kind, reason: 'as asked' } } });
    const page = await pageOf(report, syncProgress({ failed: 4 }));
    expect(seriesOf(page, 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total')).toEqual({
      '{}': failures,
    });
  });

  it('tell how syncs ended', async () => {
    const progress = { succeeded: 7, failed: 2, lastSynced: NOON, errors: ['one', 'two', 'three'] };
    const { view } = statusInput();
    const report = aReport({
      view: { ...view, syncProgress: () => ({ ...view.syncProgress(), ...progress }) },
    });
    const page = await pageOf(report);
    expect(seriesOf(page, 'kubesplice_syncs_total')).toEqual({
      '{result="success"}': 7,
      '{result="failure"}': 2,
    });
    expect(seriesOf(page, 'kubesplice_sync_errors')).toEqual({ '{}': 3 });
  });

  it('are 0 for the times of syncs where there was none', async () => {
    const page = await pageOf(aReport(), syncProgress({ lastSynced: null, lastQueued: null }));
    for (const last of ['last_timestamp_seconds', 'last_queued_timestamp_seconds'])
      expect(seriesOf(page, `kubeproxy_sync_proxy_rules_${last}`)).toEqual({ '{}': 0 });
  });

  it('tell what runs, and add up the sources of a kind', async () => {
    const sources = [
      aSourceStatus({ kind: 'manifests', objects: 2 }),
      aSourceStatus({ kind: 'manifests', objects: 3 }),
      aSourceStatus({ kind: 'apiserver', objects: 5, stale: true }),
    ];
    const report = aReport({ sources });
    const page = await pageOf(report);
    const { version, relay, steering } = report;
    expect(seriesOf(page, 'kubesplice_build_info')).toEqual({
      [`{version="${version}",relay="${relay.kind}",steering="${steering.kind}"}`]: 1,
    });
    expect(seriesOf(page, 'kubesplice_source_objects')).toEqual({
      '{kind="manifests"}': 5,
      '{kind="apiserver"}': 5,
    });
    expect(seriesOf(page, 'kubesplice_source_stale')).toEqual({
      '{kind="manifests"}': 0,
      '{kind="apiserver"}': 1,
    });
  });

  it('tell what was refused at the guard, and have no series where nothing is counted', async () => {
    const refused = { connections: 3, datagrams: 4 };
    expect(seriesOf(await pageOf(aReport({ refused })), 'kubesplice_steering_refused_total')).toEqual({
      '{kind="connection"}': 3,
      '{kind="datagram"}': 4,
    });
    expect(seriesOf(await pageOf(aReport({ refused: null })), 'kubesplice_steering_refused_total')).toEqual(
      {},
    );
  });

  it('tell of the process what prom-client tells of any', async () => {
    const page = await pageOf();
    expect(seriesOf(page, 'process_open_fds')['{}']).toBeGreaterThan(2);
    expect(seriesOf(page, 'process_max_fds')['{}']).toBeGreaterThan(2);
  });

  it('do not keep what is gone by the next page', async () => {
    let report = aReport({
      sources: [aSourceStatus({ kind: 'apiserver' })],
      refused: { connections: 1, datagrams: 1 },
    });
    const metrics = new Metrics(async () => report, syncProgress, noRelayProcess);
    await metrics.page();
    report = aReport({ sources: [aSourceStatus({ kind: 'manifests' })], refused: null });
    const page = readExposition((await metrics.page()).body);
    expect(Object.keys(seriesOf(page, 'kubesplice_source_objects'))).toEqual(['{kind="manifests"}']);
    expect(seriesOf(page, 'kubesplice_steering_refused_total')).toEqual({});
  });

  it('are asked for once where two ask at a time, and anew for the next', async () => {
    let asked = 0;
    const metrics = new Metrics(
      async () => {
        asked += 1;
        return aReport();
      },
      syncProgress,
      noRelayProcess,
    );
    const [one, other] = await Promise.all([metrics.page(), metrics.page()]);
    expect(one).toBe(other);
    expect(asked).toBe(1);
    await metrics.page();
    expect(asked).toBe(2);
  });

  it('are asked for anew after a page that failed', async () => {
    let fails = true;
    const metrics = new Metrics(
      async () => {
        if (fails) throw new Error('no report');
        return aReport();
      },
      syncProgress,
      noRelayProcess,
    );
    await expect(metrics.page()).rejects.toThrow('no report');
    fails = false;
    await expect(metrics.page()).resolves.toMatchObject({ contentType: expect.any(String) });
  });
});
