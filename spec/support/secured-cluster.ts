import type { ApiServer, ApiServerOptions } from './api-server/api-server.js';
import { startApiServer } from './api-server/started-api-server.js';
import { CertificateAuthority } from './certificate-authority.js';
import { base64, writeKubeconfig } from './kubeconfig-file.js';

/** An API server as clusters have it: it speaks TLS, and asks for a token. */
export interface SecuredCluster {
  readonly server: ApiServer;
  readonly authority: CertificateAuthority;
  /** Path of a file with all that it takes to be let in. */
  readonly kubeconfig: string;
}

/** The token in the kubeconfig file. */
export const TOKEN = 'spec-token';

/** Starts one. It stops when the test ends. */
export async function startSecuredCluster(options: ApiServerOptions = {}): Promise<SecuredCluster> {
  const authority = new CertificateAuthority();
  const server = await startApiServer({ tls: authority.server(), token: TOKEN, ...options });
  const kubeconfig = writeKubeconfig({
    server: server.url,
    cluster: { 'certificate-authority-data': base64(authority.certificate) },
    user: { token: TOKEN },
  });
  return { server, authority, kubeconfig };
}
