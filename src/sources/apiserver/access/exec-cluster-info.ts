import { hostPort } from '../../../model/endpoint.js';
import type { ClusterConfig } from './cluster-config.js';
import type { ReadFile } from './file-fault.js';
import { readAuthorities } from './read-authorities.js';

/** The `spec.cluster` of an `ExecCredential`: what an exec plugin is told of the cluster, where it asks for that. */
export async function execClusterInfo(
  { server, trust, proxy, user }: ClusterConfig,
  readFile: ReadFile,
): Promise<Readonly<Record<string, unknown>>> {
  const authorities = trust.authorities === null ? null : await readAuthorities(trust.authorities, readFile);
  return {
    server: server.url,
    ...(trust.serverName === null ? {} : { 'tls-server-name': trust.serverName }),
    ...(trust.insecure ? { 'insecure-skip-tls-verify': true } : {}),
    ...(authorities === null
      ? {}
      : { 'certificate-authority-data': Buffer.from(`${authorities.join('\n')}\n`).toString('base64') }),
    ...(proxy === null ? {} : { 'proxy-url': `${proxy.kind}://${hostPort(proxy.host, proxy.port)}` }),
    config: user.exec?.clusterInfo?.extension ?? null,
  };
}
