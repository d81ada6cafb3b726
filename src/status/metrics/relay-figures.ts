import { Counter, Gauge, type Registry } from 'prom-client';
import type { RelayProcessFigures } from '../../relay/engine.js';
import type { StatusReport } from '../status-report.js';

/**
 * Figures of the relay's own process, named as those that any program has of itself (prometheus.io, Writing client libraries:
 * Process metrics). There are none where the relay is this process, and `kubesplice_relay_up` alone where it does not tell.
 */
export function ofTheRelay(
  registers: Registry[],
): (report: Pick<StatusReport, 'relay'>, told: RelayProcessFigures | null) => void {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `kubesplice_relay_${name}`, help, labelNames: [], registers });
  const up = gauge(
    'up',
    'Whether the native relay tells of its process: 1, or 0 where it is away or too old',
  );
  const cpuSeconds = new Counter({
    name: 'kubesplice_relay_process_cpu_seconds_total',
    help: 'CPU time of the native relay, of all its threads, in user and system mode',
    registers,
  });
  const residentBytes = gauge('process_resident_memory_bytes', 'Memory of the native relay that is resident');
  const openFiles = gauge(
    'process_open_fds',
    'File descriptors that the native relay has open for portals and their clients',
  );
  const maxFiles = gauge('process_max_fds', 'How many it may have open for them');
  const threads = gauge('process_threads', 'Threads of the native relay');
  const started = gauge(
    'process_start_time_seconds',
    'When the native relay started, in seconds since the epoch',
  );
  const all = [up, cpuSeconds, residentBytes, openFiles, maxFiles, threads, started];
  return ({ relay }, told) => {
    // A series that is not set again is not told.
    for (const metric of all) metric.remove();
    if (relay.kind === 'portable') return;
    up.set(told === null ? 0 : 1);
    if (told === null) return;
    cpuSeconds.inc(told.cpuSeconds);
    if (told.residentBytes > 0) residentBytes.set(told.residentBytes);
    openFiles.set(told.openFiles);
    maxFiles.set(told.openFileLimit);
    threads.set(told.threads);
    started.set(told.startedAt / 1_000);
  };
}
