import { formatDuration } from '../config/duration.js';
import type { ProxyConfig } from '../config/proxy-config.js';
import type { LogFields } from '../host/log.js';
import type { ClosableLogger } from '../host/logger.js';
import type { EndSignals } from './end-signals.js';
import { type ConfigurationSource, LiveConfiguration } from './live-configuration.js';
import type { RunningProxy, StartProxy } from './running-proxy.js';
import type { ServiceReport } from './service-report.js';
import { SignalledAction, type SignalReceiver } from './signalled-action.js';

/** What a run needs beside its configuration. */
export interface RunSurroundings {
  readonly logger: ClosableLogger;
  readonly signals: EndSignals;
  readonly process: SignalReceiver;
  /** Whether a terminal controls this process now. */
  readonly hasTerminal: () => boolean;
  /** Whom the service manager hears. */
  readonly service: ServiceReport;
  readonly start: StartProxy;
  /** The file that it was asked by; null where there is none. */
  readonly configuration: ConfigurationSource | null;
}

/**
 * Runs a proxy until a signal asks it to end, and ends it in order:
 *
 *     serving ──▶ leaving ────────────▶ draining ───────────▶ ended
 *                 health is 503,        nobody listens,       what is left
 *                 all else goes on      what is open may end  is reset
 *                 (--shutdown-delay)    (--drain-timeout)
 *
 * A second signal cuts both waits short. SIGHUP reads anew what may have changed, SIGUSR1 logs the state. Resolves with the exit code.
 */
export async function runProxy(asked: ProxyConfig, surroundings: RunSurroundings): Promise<number> {
  const { logger, signals, process, hasTerminal, service, start, configuration } = surroundings;
  service.start();
  const hangUp = new SignalledAction('SIGHUP', process, logger);
  const stateAsked = new SignalledAction('SIGUSR1', process, logger);
  const hadTerminal = hasTerminal();
  const proxy = await start(asked);
  const live = new LiveConfiguration({
    config: asked,
    source: configuration,
    logger,
    setLogLevel: (level) => logger.setLevel(level),
  });
  live.begin(proxy);
  service.watch(proxy.overview);
  const ended = aborted(signals.asked);
  hangUp.begin(async () => {
    // Without a handler of ours it would have ended the process, and whoever closes a terminal expects that.
    if (hadTerminal && !hasTerminal()) signals.ask('SIGHUP');
    else await reload(proxy, live, logger, service);
  });
  stateAsked.begin(async () => {
    const lines = await proxy.dump();
    for (const { message, fields } of lines) logger.info(message, fields);
    logger.info('state: end', { lines: lines.length });
  });
  await Promise.race([ended, proxy.synced]);
  if (!signals.asked.aborted) {
    logger.info('ready; `kube-splice status` shows the portals', proxy.counts());
    await service.ready();
  }
  await ended;
  live.end();
  const { config } = live;
  await service.stopping(config.shutdownDelayMs + config.drainTimeoutMs);
  const hurried = new AbortController();
  signals.onHurry(() => {
    hurried.abort();
    void proxy.stop(0);
  });
  await leave(proxy, config, logger, hurried.signal);
  hangUp.end();
  tellDrain(proxy, config, logger);
  const cut = await proxy.stop(hurried.signal.aborted ? 0 : config.drainTimeoutMs);
  stateAsked.end();
  service.end();
  logger.info('stopped', whatWasLeft(proxy, cut));
  return signals.exitCode;
}

/** The log file first, so that the line is in the new one. */
async function reload(
  proxy: RunningProxy,
  live: LiveConfiguration,
  logger: ClosableLogger,
  service: ServiceReport,
): Promise<void> {
  await service.reloading();
  const logFile = await logger.reopen();
  const configuration = await live.reload();
  const read = await proxy.reload();
  const all = [
    ...(configuration === null ? [] : [configuration]),
    ...read,
    ...(logFile === null ? [] : [`log file ${logFile}`]),
  ];
  logger.info('SIGHUP received: read anew', { what: all.length === 0 ? 'nothing' : all.join('; ') });
  await service.ready();
}

async function leave(
  proxy: RunningProxy,
  { shutdownDelayMs }: ProxyConfig,
  logger: ClosableLogger,
  hurried: AbortSignal,
): Promise<void> {
  proxy.leave();
  if (shutdownDelayMs === 0) return;
  const shutdownDelay = formatDuration(shutdownDelayMs);
  logger.info('leaving: health is 503, and portals still listen', { shutdownDelay });
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, shutdownDelayMs);
  });
  await Promise.race([over, aborted(hurried)]);
  clearTimeout(timer);
}

function tellDrain(
  { relayStays }: RunningProxy,
  { drainTimeoutMs }: ProxyConfig,
  logger: ClosableLogger,
): void {
  if (relayStays) logger.info('stopping: the relay goes on with its portals and connections');
  else logger.info('stopping: open connections may end', { drainTimeout: formatDuration(drainTimeoutMs) });
}

function whatWasLeft({ relayStays }: RunningProxy, cut: number | null): LogFields {
  return relayStays || cut === null ? {} : { reset: cut };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
