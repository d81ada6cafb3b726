import { join } from 'node:path';
import { hostPort } from '../../../model/endpoint.js';
import { KubeSpliceError } from '../../../model/errors.js';
import { quoted } from '../../../model/printable.js';
import { ANYBODY, type ClusterConfig, DEFAULT_TRUST } from './cluster-config.js';
import { fileFault, type ReadFile } from './file-fault.js';
import { certificatesIn } from './pem.js';
import { parseServerAddress } from './server-address.js';

/**
 * The API server as a pod finds it: its address in the environment, token and certificate authority of the service
 * account in a directory ("Accessing the Kubernetes API from a Pod"). Without `ca.crt` the system's authorities count,
 * as client-go has it (`rest.InClusterConfig`).
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
  return {
    server: parseServerAddress(`https://${address(host, port)}`, 'KUBERNETES_SERVICE_HOST'),
    proxy: null,
    trust: { ...DEFAULT_TRUST, authorities: await authorities(join(directory, 'ca.crt'), readFile) },
    user: { ...ANYBODY, tokenFile },
  };
}

function address(host: string, port: string): string {
  return host.includes(':') ? hostPort(host, Number(port)) : `${host}:${port}`;
}

async function authorities(
  path: string,
  readFile: ReadFile,
): Promise<{ place: string; path: string } | null> {
  const place = `the certificate authority of the service account, ${quoted(path)},`;
  let text: string;
  try {
    text = (await readFile(path)).toString('latin1');
  } catch {
    return null;
  }
  if (certificatesIn(text).length === 0) throw missing(`${place} holds no certificate in PEM form`);
  return { place, path };
}

function missing(message: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('IN_CLUSTER_CONFIG_MISSING', message, { cause });
}
