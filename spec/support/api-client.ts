import { onTestFinished } from 'vitest';
import { ApiClient } from '../../src/sources/apiserver/access/api-client.js';
import { loadClusterConfig } from '../../src/sources/apiserver/access/load-cluster-config.js';

/** A client of the server at this URL, without credentials. It is closed when the test ends. */
export async function apiClient(url: string): Promise<ApiClient> {
  const config = await loadClusterConfig({ kubeconfig: null, master: url, environment: {} });
  const client = new ApiClient({ config, userAgent: 'kube-splice/spec', environment: {} });
  onTestFinished(() => client.close());
  return client;
}
