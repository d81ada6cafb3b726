import type { ProxyConfig } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { openFileLimit } from '../host/open-file-limit.js';
import { RateLimitedLog } from '../host/rate-limited-log.js';
import { Proxier } from '../proxier/proxier.js';
import { chooseRelay } from '../relay/choose-relay.js';
import { relayLog } from '../relay/relay-log.js';
import { assessHealth } from '../status/health.js';
import { buildStatusReport, type StatusFacts } from '../status/status-report.js';
import { StatusServer } from '../status/status-server.js';
import { chooseSteering } from '../steering/choose-steering.js';
import { buildSource } from './build-source.js';
import type { RunningProxy, StartProxy } from './running-proxy.js';
import { programVersion } from './version.js';

/** A line for each service port and reason at once five times, then every ten seconds. */
const FAILURE_LOG = { burst: 5, intervalMs: 10_000, maxKeys: 10_000 };

/** How often it is told how many lines were held back, also where no further one comes, ms. */
const FLUSH_INTERVAL_MS = 60_000;

/**
 * Puts a proxy together and starts it:
 *
 *     source ──▶ proxier ──▶ relay          status server ──▶ proxier, relay, source
 *                   └──────▶ steering
 */
export function proxyStarter(logger: Logger): StartProxy {
  return async (config: ProxyConfig): Promise<RunningProxy> => {
    const { source, node } = await buildSource(config, logger);
    const limited = new RateLimitedLog(logger, { ...FAILURE_LOG, now: () => performance.now() });
    const flushTimer = setInterval(() => limited.flush(), FLUSH_INTERVAL_MS).unref();
    const { engine, reason: relayReason } = chooseRelay(config, openFileLimit(), relayLog(logger, limited));
    const { steering, reason: steeringReason } = chooseSteering(config);
    const proxier = new Proxier({
      relay: engine,
      steering,
      bindAddress: config.bindAddress,
      portRange: config.proxyPortRange,
      syncPeriodMs: config.syncPeriodMs,
      logger,
      now: Date.now,
      random: Math.random,
    });
    const facts: StatusFacts = {
      version: programVersion(),
      startedAt: Date.now(),
      relay: { kind: engine.kind, reason: relayReason },
      steering: { kind: steering.kind, reason: steeringReason },
    };
    const report = async () =>
      buildStatusReport({
        facts,
        view: proxier,
        counters: await engine.counters(),
        sources: source.status(),
        node: node(),
        now: Date.now(),
      });
    const health = () => assessHealth(proxier.syncProgress(), config.syncPeriodMs, Date.now());
    const pages = { health, report, proxyMode: 'userspace' };
    const server =
      config.statusAddress === null ? null : new StatusServer(config.statusAddress, pages, logger);

    let served: () => void = () => undefined;
    const firstState = new Promise<void>((resolve) => {
      served = resolve;
    });

    /** In the order in which traffic flows: first nothing new is asked for, last nobody can look any more. */
    const stop = async (graceMs: number): Promise<void> => {
      await source.stop();
      await proxier.stop();
      await engine.shutdown(graceMs);
      await server?.stop();
      clearInterval(flushTimer);
      limited.flush();
    };
    try {
      logger.info('relay', { ...facts.relay });
      logger.info('steering', { ...facts.steering });
      const statusAddress = await server?.start();
      if (statusAddress !== undefined) logger.info('status', { ...statusAddress });
      await source.start((state) => {
        proxier.update(state);
        served();
      });
    } catch (error) {
      await stop(0);
      throw error;
    }
    const counts = () => proxier.counts();
    return { report, counts, synced: firstState.then(() => proxier.settled()), stop };
  };
}
