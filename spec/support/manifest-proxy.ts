import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import type { RunningProxy } from '../../src/cli/running-proxy.js';
import type { ProxyConfig } from '../../src/config/proxy-config.js';
import { SILENT_LOGGER } from '../../src/host/log.js';
import { parseEndpointSlice } from '../../src/model/endpoint-slice.js';
import type { Parsed } from '../../src/model/kubernetes-object.js';
import { parseService } from '../../src/model/service.js';
import { ServiceCatalog } from '../../src/model/service-catalog.js';
import type { ServiceState } from '../../src/model/service-state.js';
import { Proxier } from '../../src/proxier/proxier.js';
import { PortableRelay } from '../../src/relay/portable/portable-relay.js';
import type { ServiceOverview } from '../../src/status/service-overview.js';
import { healthPages } from '../../src/status/status-pages.js';
import { buildStatusReport } from '../../src/status/status-report.js';
import { StatusServer } from '../../src/status/status-server.js';
import { NoSteering } from '../../src/steering/none.js';
import { statusFigures, statusInput } from './proxy-values.js';
import { RecordingObserver } from './recording-observer.js';

/**
 * A proxy of manifests that are read once: what a command that runs one needs, and no more. `alter` changes the state
 * before it is proxied, to let something be wrong.
 */
export async function startManifestProxy(
  config: ProxyConfig,
  alter: (state: ServiceState) => ServiceState = (state) => state,
): Promise<RunningProxy> {
  const state = alter(await readState(config.manifests));
  const relay = new PortableRelay({
    udpIdleTimeoutMs: config.udpIdleTimeoutMs,
    udpReplyTimeoutMs: config.udpReplyTimeoutMs,
    maxOpenFiles: 1_000,
    maxUdpSessions: 100,
    observer: new RecordingObserver(),
  });
  const proxier = new Proxier({
    relay,
    steering: new NoSteering(),
    bindAddress: config.bindAddress,
    holdPort: () => Promise.resolve({ release: () => Promise.resolve() }),
    portRange: config.proxyPortRange,
    syncPeriodMs: config.syncPeriodMs,
    logger: SILENT_LOGGER,
    now: Date.now,
    random: Math.random,
  });
  const report = async () => {
    const { facts, sources } = statusInput();
    return buildStatusReport({
      facts,
      sources,
      view: proxier,
      counters: await relay.counters(),
      refused: null,
      node: null,
      now: Date.now(),
    });
  };
  const health = () => ({ healthy: true, lastUpdated: Date.now(), currentTime: Date.now() });
  const status =
    config.statusAddress === null
      ? null
      : new StatusServer(config.statusAddress, healthPages(statusFigures({ health, report })), SILENT_LOGGER);
  const stop = async (graceMs: number) => {
    await status?.stop();
    await proxier.stop();
    await relay.shutdown(graceMs);
    return relay.cut;
  };
  try {
    await status?.start();
  } catch (error) {
    await stop(0);
    throw error;
  }
  proxier.update(state);
  const overview = (): ServiceOverview => ({
    counts: proxier.counts(),
    relay: relay.kind,
    steering: 'none',
    sources: [],
    progress: proxier.syncProgress(),
  });
  return {
    report,
    counts: () => proxier.counts(),
    overview,
    synced: proxier.settled(),
    reload: () => Promise.resolve([]),
    reconfigure: () => Promise.resolve(),
    dump: () => Promise.resolve([]),
    relayStays: false,
    leave: () => undefined,
    stop,
  };
}

/** The state that these files make; an object that is not sound fails the spec. */
export async function readState(manifests: readonly string[]): Promise<ServiceState> {
  const texts = await Promise.all(manifests.map((path) => readFile(path, 'utf8')));
  const objects: unknown[] = texts.flatMap((text) =>
    parseAllDocuments(text).map((document): unknown => document.toJS()),
  );
  const ofKind = (kind: string) => objects.filter((object) => isOfKind(object, kind));
  const catalog = new ServiceCatalog();
  catalog.replaceServices(ofKind('Service').map((object) => sound(parseService(object))));
  const slices = ofKind('EndpointSlice').map((object) => sound(parseEndpointSlice(object)));
  catalog.replaceSlices(slices.map((slice) => [`${slice.namespace}/${slice.name}`, [slice]]));
  return catalog.state();
}

function isOfKind(object: unknown, kind: string): boolean {
  return typeof object === 'object' && object !== null && 'kind' in object && object.kind === kind;
}

function sound<T>(parsed: Parsed<T>): T {
  if (parsed.outcome === 'parsed') return parsed.value;
  throw new Error(JSON.stringify(parsed));
}
