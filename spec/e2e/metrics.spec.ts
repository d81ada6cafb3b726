import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { dashboardPanels, queriesOf } from '../support/dashboard.js';
import { eventually, within } from '../support/deadline.js';
import { readExposition } from '../support/exposition.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { refusingEndpoint } from '../support/refusing-endpoint.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.82.9';
const PROMETHEUS_PORT = 9_090;
const MAIN = 'namespace="default",service="web",port_name="main",protocol="TCP"';

/** Where there may be nothing to see: nobody has a limit or a bond, and what failed may have failed before the first look. */
const MAY_BE_EMPTY = [
  'Service ports without endpoints',
  'Failures a second, by service port',
  'Datagrams a second',
  'Connections, of the limit',
  'Waits for a place a second',
  'Clients with session affinity',
];

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined;
}

/** A proxy, native where it is there, with a Service of which one of two endpoints refuses. */
async function startWithFailingEndpoint() {
  const well = await TcpEndpoint.listen(greet('hello'));
  const manifest = writeManifest(
    join(temporaryDirectory(), 'services.yaml'),
    serviceManifest('web', [well.endpoint, await refusingEndpoint()]),
    serviceManifest('dns', [well.endpoint], { protocol: 'UDP' }),
  );
  const proxy = await RunningProgram.start(ADDRESS, ['--manifests', manifest]);
  const port = await proxy.portOf('default/web:main');
  const visit = async () => {
    const socket = connect(port, ADDRESS);
    await within('a greeting', once(socket, 'data'));
    socket.destroy();
  };
  const page = async () => (await proxy.get('/metrics')).text();
  const figure = async (name: string, labels = MAIN) =>
    readExposition(await page())
      .get(name)
      ?.series.get(`{${labels}}`);
  return { visit, page, figure };
}

/** The real Prometheus, which asks the proxy once a second; it ends with the test. Resolves with what answers a query. */
async function startPrometheus() {
  const directory = temporaryDirectory();
  const config = join(directory, 'prometheus.yml');
  writeFileSync(
    config,
    `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: kube-splice
    static_configs: [{ targets: ["${ADDRESS}:10249"] }]
`,
  );
  const address = `${ADDRESS}:${PROMETHEUS_PORT}`;
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  prometheus.stderr.on('data', (text) => {
    complaints += text;
  });
  const ended = once(prometheus, 'exit');
  onTestFinished(async () => {
    prometheus.kill('SIGKILL');
    await ended;
  });
  return async (query: string): Promise<{ metric: Record<string, string>; value: string }[]> => {
    const url = `http://${address}/api/v1/query?query=${encodeURIComponent(query)}`;
    const response = await fetch(url).catch((cause: unknown) => {
      throw new Error(`no Prometheus: ${complaints.slice(-1_000)}`, { cause });
    });
    expect(response.status, query).toBe(200);
    const { data } = (await response.json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value: [, value] }) => ({ metric, value }));
  };
}

describe('/metrics', () => {
  it('tells that an endpoint is set aside, and what the others carry', async () => {
    const { visit, figure } = await startWithFailingEndpoint();
    expect(await figure('kubesplice_endpoints_set_aside')).toBe(0);
    for (let visits = 0; visits < 8; visits += 1) await visit();
    await eventually(async () => expect(await figure('kubesplice_connections_total')).toBe(8));
    expect(await figure('kubesplice_endpoints_set_aside')).toBe(1);
    expect(await figure('kubesplice_endpoints')).toBe(2);
    expect(await figure('kubesplice_dial_failures_total')).toBeGreaterThanOrEqual(3);
    expect(await figure('kubesplice_failures_total', `${MAIN},reason="dial-refused"`)).toBeGreaterThanOrEqual(
      3,
    );
    await eventually(async () =>
      expect(await figure('kubesplice_bytes_total', `${MAIN},direction="out"`)).toBe(8 * 'hello'.length),
    );
    expect(await figure('kubesplice_syncs_total', 'result="success"')).toBeGreaterThan(0);
  });

  it.skipIf(!isInstalled('promtool'))('is clean for promtool (skipped without promtool)', async () => {
    const { visit, page } = await startWithFailingEndpoint();
    await visit();
    const input = await page();
    expect(readExposition(input).size).toBeGreaterThan(30);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input });
    // What prom-client tells of any Node.js process, and gauges of kube-proxy, have names that promtool would have otherwise.
    const complaints = `${stdout}${stderr}`
      .split('\n')
      .filter(
        (line) =>
          line !== '' && !/^(nodejs_|kubeproxy_sync_proxy_rules_no_local_endpoints_total )/.test(line),
      );
    expect(complaints).toEqual([]);
    expect([0, 3]).toContain(status);
  });

  it.skipIf(!isInstalled('prometheus'))(
    'lets a real Prometheus find the Service that has an endpoint set aside (skipped without prometheus)',
    async () => {
      const { visit } = await startWithFailingEndpoint();
      const query = await startPrometheus();
      for (let visits = 0; visits < 8; visits += 1) await visit();
      await expect
        .poll(() => query('kubesplice_endpoints_set_aside > 0').catch(() => []), { timeout: 30_000 })
        .toMatchObject([{ metric: { namespace: 'default', service: 'web', port_name: 'main' }, value: '1' }]);
      expect(await query('up{job="kube-splice"}')).toMatchObject([{ value: '1' }]);
      // Each panel of the dashboard can be drawn; a rate needs two looks.
      const empty = async (): Promise<readonly string[]> => {
        const titles = new Set<string>();
        for (const panel of dashboardPanels())
          for (const asked of queriesOf(panel))
            if ((await query(asked)).length === 0) titles.add(panel.title);
        return [...titles].filter((title) => !MAY_BE_EMPTY.includes(title));
      };
      await expect.poll(empty, { timeout: 20_000, interval: 1_000 }).toEqual([]);
    },
    60_000,
  );
});
