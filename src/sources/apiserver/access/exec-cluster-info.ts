import { hostPort } from '../../../model/endpoint.js';
import type { ReadFile } from '../../file-fault.js';
import { authoritiesOf, type ClusterConfig } from './cluster-config.js';
import { readAuthorities } from './read-authorities.js';

/** The `spec.cluster` of an `ExecCredential`: what an exec plugin is told of the cluster, where it asks for that. */
export async function execClusterInfo(
  { server, cluster, proxy, user }: ClusterConfig,
  readFile: ReadFile,
): Promise<Readonly<Record<string, unknown>>> {
  const source = authoritiesOf(cluster);
  const authorities = source === null ? null : await readAuthorities(source, readFile);
  return {
    server: server.url,
    ...(cluster.tlsServerName ? { 'tls-server-name': cluster.tlsServerName } : {}),
    ...(cluster.skipTLSVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(authorities === null
      ? {}
      : { 'certificate-authority-data': Buffer.from(`${authorities.join('\n')}\n`).toString('base64') }),
    ...(proxy === null ? {} : { 'proxy-url': `${proxy.kind}://${hostPort(proxy.host, proxy.port)}` }),
    config: user.exec?.clusterInfo?.extension ?? null,
  };
}
