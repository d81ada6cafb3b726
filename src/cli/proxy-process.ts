import type { ProxyConfig } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { NodeAddresses } from '../host/node-addresses.js';
import { openFileLimit } from '../host/open-file-limit.js';
import { holdPort } from '../host/port-reservation.js';
import { processUsage } from '../host/process-usage.js';
import { programSearch } from '../host/program-search.js';
import { RateLimitedLog } from '../host/rate-limited-log.js';
import { SpawnedCommands } from '../host/spawned-commands.js';
import { Proxier } from '../proxier/proxier.js';
import { chooseRelay } from '../relay/choose-relay.js';
import { RecentFailures } from '../relay/recent-failures.js';
import { relayLog } from '../relay/relay-log.js';
import { explainer } from '../status/explain/explainer.js';
import { assessHealth } from '../status/health.js';
import { HealthCheckServers } from '../status/health-check-servers.js';
import { Metrics } from '../status/metrics/metrics.js';
import { whyUnready } from '../status/readiness.js';
import type { ServiceOverview } from '../status/service-overview.js';
import { stateDump } from '../status/state-dump.js';
import { StatusListeners } from '../status/status-listeners.js';
import type { StatusFigures } from '../status/status-pages.js';
import { buildStatusReport, type StatusFacts } from '../status/status-report.js';
import { chooseSteering } from '../steering/choose-steering.js';
import type { RefusedTraffic, Steering } from '../steering/steering.js';
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
 *     source ──▶ proxier ──▶ relay          status server ──▶ proxier, relay, source, steering
 *        │          └──────▶ steering
 *        └─────▶ health-check servers
 */
export function proxyStarter(logger: Logger): StartProxy {
  return async (initial: ProxyConfig): Promise<RunningProxy> => {
    let config = initial;
    const { source, node } = await buildSource(config, logger);
    const limited = new RateLimitedLog(logger, { ...FAILURE_LOG, now: () => performance.now() });
    const flushTimer = setInterval(() => limited.flush(), FLUSH_INTERVAL_MS).unref();
    const observer = new RecentFailures(relayLog(logger, limited), Date.now);
    const addresses = new NodeAddresses(() => node()?.addresses ?? []);
    await addresses.refresh();
    const {
      steering,
      reason: steeringReason,
      warning,
    } = await chooseSteering(config.steering, {
      runner: new SpawnedCommands(),
      find: programSearch(process.env.PATH),
      place: {
        localAddresses: (family) => addresses.localAddresses(family),
        nodeAddress: (family) => addresses.nodeAddress(family),
        get nodePortAddresses() {
          return config.nodePortAddresses;
        },
        get clusterCIDRs() {
          return config.clusterCIDRs;
        },
      },
      logger,
    });
    // From here on nothing fails without an end of what the relay has started.
    const { engine, reason: relayReason } = await chooseRelay(config, {
      openFileLimit: openFileLimit(),
      observer,
      logger,
    });
    const proxier = new Proxier({
      relay: engine,
      steering,
      bindAddress: config.bindAddress,
      // Where nobody says otherwise, portals listen on what can be steered to them.
      bindAddressForIPv6: async () =>
        config.bindAddress === '0.0.0.0' && addresses.hasIPv6 && (await steering.steers('IPv6'))
          ? '::'
          : config.bindAddress,
      holdPort,
      portRange: config.proxyPortRange,
      syncPeriodMs: config.syncPeriodMs,
      logger,
      now: Date.now,
      random: Math.random,
      syncEnded: (durationMs) => metrics.syncEnded(durationMs),
      programmed: (sinceMs) => metrics.programmed(sinceMs),
    });
    const healthChecks = new HealthCheckServers({
      get nodePortAddresses() {
        return config.nodePortAddresses;
      },
      logger,
    });
    const lookAgain = (): void => {
      void addresses.refresh();
      void healthChecks.retry();
    };
    let lookTimer = setInterval(lookAgain, config.syncPeriodMs).unref();
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
        refused: await refusedTraffic(steering, logger),
        sources: source.status(),
        node: node(),
        now: Date.now(),
      });
    const explain = explainer({
      facts,
      view: proxier,
      engine,
      steering,
      verdicts: (name) => source.verdicts(name),
      failuresOf: (portal) => observer.of(portal),
      now: Date.now,
    });
    const metrics = new Metrics(
      report,
      () => proxier.syncProgress(),
      () => engine.process(),
      () => config.metricsPerEndpoint,
    );
    let leaving = false;
    const assess = (isLeaving: boolean) =>
      assessHealth(proxier.syncProgress(), config.syncPeriodMs, Date.now(), isLeaving);
    const figures: StatusFigures = {
      // Load balancers are to send new clients to other nodes; what lives is another question.
      health: () => assess(leaving || node()?.isLeaving === true),
      liveness: () => assess(false),
      unready: () => whyUnready(proxier.syncProgress(), leaving),
      metrics: () => metrics.page(),
      report,
      explain,
      recentFailures: () => observer.failures,
      logger,
      config: () => config,
      proxyMode: 'userspace',
    };
    const listeners = new StatusListeners(config, figures, logger);

    const leave = (): void => {
      leaving = true;
      healthChecks.leave();
    };
    let grace = Number.POSITIVE_INFINITY;
    let isDraining = false;
    let stopping: Promise<number | null> | undefined;
    const stop = (graceMs: number): Promise<number | null> => {
      grace = Math.min(grace, graceMs);
      stopping ??= stopInOrder();
      if (isDraining) void engine.shutdown(grace);
      return stopping;
    };
    /** In the order in which traffic flows: first nothing new is asked for, last nobody can look any more. */
    const stopInOrder = async (): Promise<number | null> => {
      leave();
      await source.stop();
      clearInterval(lookTimer);
      await healthChecks.stop();
      await proxier.stop();
      if (config.cleanupOnExit) await removeRules(steering, logger);
      isDraining = true;
      await engine.shutdown(grace);
      await listeners.stop();
      clearInterval(flushTimer);
      limited.flush();
      return engine.cut;
    };
    try {
      logger.info('relay', { ...facts.relay });
      if (warning === null) logger.info('steering', { ...facts.steering });
      else logger.warn(`${warning.code}: ${warning.message}`, { remedy: warning.remedy });
      await listeners.start();
      await source.start((state) => {
        proxier.update(state);
        void healthChecks.update(state);
      });
    } catch (error) {
      await stop(0);
      throw error;
    }
    const relayStays = engine.kind === 'native' && config.relaySocket !== null;
    const counts = () => proxier.counts();
    const overview = (): ServiceOverview => ({
      counts: counts(),
      relay: engine.kind,
      steering: steering.kind,
      sources: source.status(),
      progress: proxier.syncProgress(),
    });
    const dump = async () =>
      stateDump({ report: await report(), usage: processUsage(), failures: observer.failures });
    // Whatever else can change at run time is to be read here, too, and named.
    const reload = () => source.reload();
    const reconfigure = async (next: ProxyConfig): Promise<void> => {
      config = next;
      clearInterval(lookTimer);
      lookTimer = setInterval(lookAgain, next.syncPeriodMs).unref();
      void healthChecks.retry();
      proxier.lookAnew(next.syncPeriodMs);
      const { udpIdleTimeoutMs, udpReplyTimeoutMs, halfClosedTimeoutMs, maxConnections } = next;
      await engine.configure({ udpIdleTimeoutMs, udpReplyTimeoutMs, halfClosedTimeoutMs, maxConnections });
    };
    const synced = proxier.synced();
    return { report, counts, overview, synced, relayStays, reload, reconfigure, dump, leave, stop };
  };
}

/** A page that shows everything else is better than none. */
async function refusedTraffic(steering: Steering, logger: Logger): Promise<RefusedTraffic | null> {
  try {
    return await steering.refused();
  } catch (error) {
    logger.detail(2, 'what was refused at portals is not known', { error: errorMessage(error) });
    return null;
  }
}

/** The process ends all the same. */
async function removeRules(steering: Steering, logger: Logger): Promise<void> {
  try {
    await steering.remove();
    logger.info('packet rules removed');
  } catch (error) {
    logger.error('packet rules could not be removed', { error: errorMessage(error) });
  }
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
