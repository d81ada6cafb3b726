import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadClusterConfig } from '../../../../src/sources/apiserver/access/load-cluster-config.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';

/** Kubeconfig files of which a spec says only what it is about. */

export const load = (kubeconfig: string, master: string | null = null) =>
  loadClusterConfig({ kubeconfig, master, environment: {} });

export function written(text: string): string {
  const path = join(temporaryDirectory(), 'config');
  writeFileSync(path, text);
  return path;
}

export const CLUSTER = { server: 'https://10.0.0.1:6443' };

export function config(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'one', user: 'me' } }],
    clusters: [{ name: 'one', cluster: CLUSTER }],
    users: [{ name: 'me', user: {} }],
    ...changes,
  };
}
