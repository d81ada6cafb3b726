import { readFile } from 'node:fs/promises';
import type { ReadFile } from '../../file-fault.js';
import {
  ANYBODY,
  authoritiesOf,
  bareConfig,
  type ClusterConfig,
  clientCertificateOf,
  tokenFileOf,
} from './cluster-config.js';
import { inClusterConfig } from './in-cluster-config.js';
import { environmentProxy } from './proxy-address.js';
import { readAuthorities } from './read-authorities.js';
import { readClientCertificate, readToken } from './read-credentials.js';
import { parseServerAddress } from './server-address.js';

export interface ClusterConfigRequest {
  /** The value of `--kubeconfig`; null or empty where it is not given. */
  readonly kubeconfig: string | null;
  /** The value of `--master`; null or empty where it is not given. */
  readonly master: string | null;
  /** Where a pod's service account and the names of proxies are found. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile?: ReadFile;
  readonly serviceAccountDirectory?: string;
}

const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Which API server is meant, by kube-proxy's rules (`createClient` of cmd/kube-proxy, and client-go's clientcmd):
 *
 *     --kubeconfig   --master    server              credentials, certificate authorities
 *     no             no          the pod's           the pod's service account
 *     FILE           no          of current-context  of current-context
 *     FILE           URL         URL                 of current-context, its tls-server-name left out
 *     no             URL         URL                 none, and the system's
 *
 * Only that file is read: neither `$KUBECONFIG` nor `~/.kube/config` counts. Over plain HTTP no credentials are sent, as
 * client-go has it. Without `proxy-url` the proxies of the environment count (`HTTPS_PROXY`, `NO_PROXY`, …).
 *
 * @throws KubeSpliceError `KUBECONFIG_UNREADABLE`, `KUBECONFIG_INVALID`, `IN_CLUSTER_CONFIG_MISSING`, or
 *   `CREDENTIALS_UNUSABLE` for a file of credentials that cannot be used.
 */
export async function loadClusterConfig(request: ClusterConfigRequest): Promise<ClusterConfig> {
  const read = request.readFile ?? ((path) => readFile(path));
  const config = await find(request, read);
  const safe = config.server.secure ? config : withoutTls(config);
  await check(safe, read);
  return { ...safe, proxy: safe.proxy ?? environmentProxy(safe.server, request.environment) };
}

async function find(request: ClusterConfigRequest, read: ReadFile): Promise<ClusterConfig> {
  const { environment, serviceAccountDirectory = SERVICE_ACCOUNT_DIRECTORY } = request;
  const master = request.master ? parseServerAddress(request.master, '--master') : null;
  if (request.kubeconfig) {
    // With it comes a reader of YAML, which a pod does without.
    const { readKubeconfig } = await import('./kubeconfig.js');
    return await readKubeconfig(request.kubeconfig, master, read);
  }
  if (master !== null) return bareConfig(master);
  return await inClusterConfig(environment, serviceAccountDirectory, read);
}

function withoutTls({ server, proxy, user }: ClusterConfig): ClusterConfig {
  return { ...bareConfig(server), proxy, user: { ...ANYBODY, impersonation: user.impersonation } };
}

/** Reads every file once, so that a mistake is told at the start rather than at the first request. */
async function check({ cluster, user }: ClusterConfig, read: ReadFile): Promise<void> {
  const authorities = authoritiesOf(cluster);
  if (authorities !== null) await readAuthorities(authorities, read);
  const certificate = clientCertificateOf(user);
  if (certificate !== null) await readClientCertificate(certificate, read);
  if (tokenFileOf(user) !== null && !user.token) await readToken(user);
}
