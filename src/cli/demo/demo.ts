import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyConfig, StatusAddress } from '../../config/proxy-config.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { StatusReport } from '../../status/status-report.js';
import { textColumns } from '../../status/text-columns.js';
import type { RunningProxy, StartProxy } from '../running-proxy.js';
import { checkBalance } from './balance-check.js';
import {
  DEMO_MANIFEST,
  demoEndpoints,
  readDemoManifest,
  withPorts,
  writeTemporaryManifest,
} from './demo-manifest.js';
import type { DemoOutput } from './demo-output.js';
import { type DemoServer, startDemoServers, stopDemoServers } from './demo-server.js';
import { introduction, movedServers, servicesTable, withoutStatus } from './demo-text.js';
import { countsLine, LiveLine } from './live-counts.js';

/** How long open connections may go on after Ctrl-C, in ms: they are a demo's. */
const GRACE_MS = 1_000;

/** How often the counts are asked for, in ms. */
const TERMINAL_REFRESH_MS = 250;
const PIPE_REFRESH_MS = 1_000;

export interface DemoOptions {
  /** As the flags made it. The Services and the steering (none) are the demo's own. */
  readonly config: ProxyConfig;
  /** Make requests of its own, check how they are balanced, and end. */
  readonly once: boolean;
  readonly startProxy: StartProxy;
  readonly output: DemoOutput;
  /** Ends the demo. */
  readonly signal: AbortSignal;
  /** How this program is called, for the hints: `kube-splice`. */
  readonly command: string;
}

interface Demo extends DemoOptions {
  /** The manifest that is proxied. */
  readonly manifest: string;
  readonly servers: readonly DemoServer[];
}

/**
 * `kube-splice demo`: six small servers, the Services of `examples/whoami.yaml` before them, and what to try. Runs until
 * the signal, or until its own requests are answered; then nothing is left running. Resolves with the exit code, 0.
 *
 * @throws KubeSpliceError `DEMO_FAILED` where `once` found a request that was not answered as it should be, after the
 *   lines that say which.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const manifest = await readDemoManifest();
  const servers = await startDemoServers(demoEndpoints(manifest));
  try {
    await withManifest(manifest, servers, options, (path) =>
      proxyDemo({ ...options, manifest: path, servers }),
    );
  } finally {
    await stopDemoServers(servers);
  }
  if (!options.once) options.output.write('The demo has ended; nothing is left running.\n');
  return 0;
}

/** The manifest as it is, or a copy that names the ports the servers really have. */
async function withManifest(
  manifest: string,
  servers: readonly DemoServer[],
  { output }: DemoOptions,
  run: (path: string) => Promise<void>,
): Promise<void> {
  const moved = servers.filter(({ endpoint, port }) => endpoint.port !== port);
  if (moved.length === 0) return run(DEMO_MANIFEST);
  const ports = new Map(moved.map(({ endpoint, port }) => [endpoint.document, port]));
  const copy = await writeTemporaryManifest(withPorts(manifest, ports));
  try {
    output.write(movedServers(moved, copy.path));
    await run(copy.path);
  } finally {
    await copy.remove();
  }
}

async function proxyDemo(demo: Demo): Promise<void> {
  const { proxy, statusAddress } = await startProxy(demo);
  try {
    await proxy.synced;
    if (demo.once) await checkOnce(demo, await tcpFirst(proxy));
    else await showUntilAborted(demo, proxy, statusAddress);
  } finally {
    await proxy.stop(GRACE_MS);
  }
}

/** The status server is a convenience here: where its address is taken, by a kube-splice at work say, the demo does without. */
async function startProxy({
  config,
  manifest,
  output,
  startProxy: start,
}: Demo): Promise<{ proxy: RunningProxy; statusAddress: StatusAddress | null }> {
  const demoConfig: ProxyConfig = {
    ...config,
    steering: 'none',
    manifests: [manifest],
  };
  try {
    return { proxy: await start(demoConfig), statusAddress: config.statusAddress };
  } catch (error) {
    if (!(error instanceof KubeSpliceError) || error.code !== 'STATUS_ADDRESS_IN_USE') throw error;
    output.write(withoutStatus(error.message));
    return {
      proxy: await start({ ...demoConfig, statusAddress: null, metricsAddress: null }),
      statusAddress: null,
    };
  }
}

async function showUntilAborted(
  { manifest, output, signal, command }: Demo,
  proxy: RunningProxy,
  statusAddress: StatusAddress | null,
): Promise<void> {
  const report = await tcpFirst(proxy);
  output.write(introduction({ report, manifest: shortPath(manifest), statusAddress, command }));
  const line = new LiveLine(output);
  const refreshMs = output.isTTY ? TERMINAL_REFRESH_MS : PIPE_REFRESH_MS;
  while (!signal.aborted) {
    line.show(countsLine(await tcpFirst(proxy)));
    await sleepUnlessAborted(refreshMs, signal);
  }
  line.end();
}

async function checkOnce({ manifest, output, servers, signal }: Demo, report: StatusReport): Promise<void> {
  output.write(`${[...servicesTable(report, shortPath(manifest)), ''].join('\n')}\n`);
  const checks = [];
  for (const servicePort of report.servicePorts) {
    const names = servers
      .filter(({ endpoint }) => endpoint.service === servicePort.name.replace(/:.*/, ''))
      .map(({ endpoint }) => endpoint.name);
    checks.push(await checkBalance(servicePort, names, signal));
  }
  output.write(`${textColumns(checks.map(({ cells }) => cells)).join('\n')}\n`);
  const problems = checks.flatMap((check) => check.problems);
  if (signal.aborted) problems.push('it was interrupted');
  if (checks.length === 0) problems.push('the proxy knows of no Service');
  for (const problem of problems) output.write(`${problem}\n`);
  if (problems.length > 0) throw new KubeSpliceError('DEMO_FAILED', 'the demo did not go as it should');
  output.write('demo: ok\n');
}

/** A report in the demo's order: what `curl` reaches comes first. */
async function tcpFirst(proxy: RunningProxy): Promise<StatusReport> {
  const report = await proxy.report();
  const servicePorts = [
    ...report.servicePorts.filter(({ protocol }) => protocol === 'TCP'),
    ...report.servicePorts.filter(({ protocol }) => protocol === 'UDP'),
  ];
  return { ...report, servicePorts };
}

function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length && !fromHere.startsWith('..') ? fromHere : path;
}

async function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  // It rejects for one reason, that the signal was aborted: then there is nothing to wait for.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
