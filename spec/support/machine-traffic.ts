import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { within } from './deadline.js';
import { serviceManifest } from './program.js';
import type { SystemdMachine } from './systemd-machine.js';

const NODE_IP = '192.0.2.1';
const CLUSTER_IP = '10.96.0.10';
const ENDPOINT_PORT = 9_000;
const KEPT_CONNECTIONS = 20;
const DEADLINE_MS = 60_000;

/** What became of clients on a machine: nothing failed where all was well. */
export interface TrafficCounts {
  readonly echoes: number;
  readonly connections: number;
  readonly failures: readonly string[];
}

/** Declares a Service on the machine, whose endpoint `trafficDuring` serves, and gives its packets a way. */
export async function declareEchoService(machine: SystemdMachine): Promise<void> {
  // An address to come from, and somewhere to leave to: only then do rules see them.
  await machine.must('ip', 'address', 'add', NODE_IP, 'dev', 'lo');
  await machine.must('ip', 'route', 'add', '10.96.0.0/16', 'dev', 'lo', 'src', NODE_IP);
  const endpoint = { address: '127.0.0.1', port: ENDPOINT_PORT };
  const manifest = serviceManifest('echo', [endpoint], { spec: `  clusterIP: ${CLUSTER_IP}\n` });
  const write = 'mkdir -p /etc/kube-splice/manifests && printf %s "$1" >/etc/kube-splice/manifests/echo.yaml';
  await machine.must('sh', '-c', write, 'sh', manifest);
}

/** Clients of that Service, and its endpoint, for as long as `meanwhile` takes. */
export async function trafficDuring(
  machine: SystemdMachine,
  meanwhile: () => Promise<void>,
): Promise<TrafficCounts> {
  const program = '/repository/spec/support/echo-traffic.mjs';
  const argv = ['127.0.0.1', `${ENDPOINT_PORT}`, CLUSTER_IP, '80', `${KEPT_CONNECTIONS}`];
  const child = machine.spawn('node', program, ...argv);
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  await within('traffic', once(lines, 'line'), DEADLINE_MS);
  await meanwhile();
  child.stdin.end();
  const [counts] = await within('what became of the traffic', once(lines, 'line'), DEADLINE_MS);
  return JSON.parse(String(counts)) as TrafficCounts;
}
