import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlainObject } from './kubernetes-objects.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface KubeconfigFields {
  readonly server: string;
  /** Further fields of its cluster. */
  readonly cluster?: PlainObject;
  /** The fields of its user. */
  readonly user?: PlainObject;
  /** Fields of the file that take the place of those written here. */
  readonly file?: PlainObject;
}

/** Writes a kubeconfig file with one context, and returns its path. It is gone when the test is. */
export function writeKubeconfig({ server, cluster = {}, user = {}, file = {} }: KubeconfigFields): string {
  const path = join(temporaryDirectory(), 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'spec', cluster: { server, ...cluster } }],
    users: [{ name: 'kube-splice', user }],
    contexts: [{ name: 'spec', context: { cluster: 'spec', user: 'kube-splice' } }],
    'current-context': 'spec',
    ...file,
  };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** PEM as the `…-data` fields of a kubeconfig file hold it. */
export function base64(pem: string): string {
  return Buffer.from(pem).toString('base64');
}
