import { hostname } from 'node:os';
import type { ApiServerConfig, ProxyConfig } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import type { NodeFacts } from '../model/node.js';
import { ApiClient } from '../sources/apiserver/access/api-client.js';
import { loadClusterConfig } from '../sources/apiserver/access/load-cluster-config.js';
import { ApiServerSource } from '../sources/apiserver/apiserver-source.js';
import { LayeredSource } from '../sources/layered-source.js';
import { RememberedSource } from '../sources/snapshot/remembered-source.js';
import type { ServiceSource } from '../sources/source.js';
import { programVersion } from './version.js';

/** Where the Services of a proxy come from. */
export interface BuiltSource {
  readonly source: ServiceSource;
  /** This node as its cluster has it; null where that is not known. */
  readonly node: () => NodeFacts | null;
}

/**
 * Puts together what the config names:
 *
 *     --manifests ──▶ ManifestsSource ──────────────────────────────────────┐
 *     API server ───▶ ApiServerSource ──[--state-dir: RememberedSource]─────┴──▶ LayeredSource
 *
 * A Service that a manifest declares is that of the manifest.
 *
 * @throws KubeSpliceError where what says how the API server is reached has a mistake.
 */
export async function buildSource(config: ProxyConfig, logger: Logger): Promise<BuiltSource> {
  const { manifests, apiServer } = config;
  const nodeName = config.nodeName ?? hostname().trim().toLowerCase();
  if (apiServer === null)
    return { source: await manifestsSource(config, nodeName, logger), node: () => null };
  const cluster = await clusterSource({ apiServer, nodeName, logger, stateDirectory: config.stateDirectory });
  if (manifests.length === 0) return cluster;
  const source = new LayeredSource(await manifestsSource(config, nodeName, logger), cluster.source, logger);
  return { ...cluster, source };
}

async function manifestsSource(
  { manifests }: ProxyConfig,
  nodeName: string,
  logger: Logger,
): Promise<ServiceSource> {
  // What reads files is large: a proxy of a cluster alone does without.
  const { ManifestsSource } = await import('../sources/manifests/manifests-source.js');
  return new ManifestsSource({ paths: manifests, logger, node: { name: nodeName, zone: null } });
}

interface ClusterRequest {
  readonly apiServer: ApiServerConfig;
  readonly nodeName: string;
  readonly stateDirectory: string | null;
  readonly logger: Logger;
}

async function clusterSource(request: ClusterRequest): Promise<BuiltSource> {
  const { apiServer, nodeName, stateDirectory, logger } = request;
  const environment = process.env;
  const config = await loadClusterConfig({ ...apiServer, environment });
  const client = new ApiClient({ config, environment, userAgent: `kube-splice/${programVersion()}` });
  logger.info('API server', { server: client.server, node: nodeName });
  const inner = new ApiServerSource({ client, nodeName, logger });
  const identity = { server: client.server, nodeName };
  const source =
    stateDirectory === null
      ? inner
      : new RememberedSource({ inner, directory: stateDirectory, identity, logger });
  return { source, node: () => inner.node };
}
