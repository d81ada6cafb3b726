import { join } from 'node:path';
import { hostPort } from '../../../model/endpoint.js';
import { KubeSpliceError } from '../../../model/errors.js';
import { quoted } from '../../../model/printable.js';
import { fileFault, type ReadFile } from '../../file-fault.js';
import { bareConfig, type ClusterConfig, tokenFileProvider } from './cluster-config.js';
import { certificatesIn } from './pem.js';
import { parseServerAddress } from './server-address.js';

/**
 * The API server as a pod finds it: its address in the environment, token and certificate authority of the service
 * account in a directory ("Accessing the Kubernetes API from a Pod"). Without `ca.crt` the system's authorities count,
 * as client-go has it (`rest.InClusterConfig`). The client library's own way is in the `config.js` that is not loaded, and
 * looks at neither file.
 *
 * @throws KubeSpliceError `IN_CLUSTER_CONFIG_MISSING`.
 */
export async function inClusterConfig(
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
  readFile: ReadFile,
): Promise<ClusterConfig> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port)
    throw missing('this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set');
  const tokenFile = join(directory, 'token');
  try {
    await readFile(tokenFile);
  } catch (cause) {
    throw missing(`the token of the service account, ${quoted(tokenFile)}, ${fileFault(cause)}`, cause);
  }
  const server = parseServerAddress(`https://${address(host, port)}`, 'KUBERNETES_SERVICE_HOST');
  const { cluster, ...bare } = bareConfig(server);
  const place = "the service account's ";
  const caFile = join(directory, 'ca.crt');
  const trusts = await hasAuthorities(caFile, readFile);
  return {
    ...bare,
    cluster: { ...cluster, place, ...(trusts ? { caFile } : {}) },
    user: { ...bare.user, place, authProvider: tokenFileProvider(tokenFile) },
  };
}

function address(host: string, port: string): string {
  return host.includes(':') ? hostPort(host, Number(port)) : `${host}:${port}`;
}

async function hasAuthorities(path: string, readFile: ReadFile): Promise<boolean> {
  let text: string;
  try {
    text = (await readFile(path)).toString('latin1');
  } catch {
    return false;
  }
  if (certificatesIn(text).length > 0) return true;
  throw missing(
    `the certificate authority of the service account, ${quoted(path)}, holds no certificate in PEM form`,
  );
}

function missing(message: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('IN_CLUSTER_CONFIG_MISSING', message, { cause });
}
