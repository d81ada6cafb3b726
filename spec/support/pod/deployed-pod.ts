import { readFileSync } from 'node:fs';
import type { V1ConfigMap, V1DaemonSet, V1PodSpec } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

export const DAEMON_SET = 'deploy/daemonset.yaml';

/** What stands in the manifest where an operator writes the address of the API server. */
export const SERVER_TO_FILL_IN = 'https://control-plane.example:6443';

/** The pod of deploy/daemonset.yaml, and the ConfigMaps beside it by name. */
export interface DeployedPod {
  readonly spec: V1PodSpec;
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** The documents of a manifest. Throws where one is no YAML, or has a key twice. */
export function documentsOf(path: string, change = (text: string) => text): readonly { kind: string }[] {
  return parseAllDocuments(change(readFileSync(path, 'utf8'))).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as { kind: string };
  });
}

/** @param server the URL of an API server, filled in as an operator does. */
export function deployedPod(server: string): DeployedPod {
  const documents = documentsOf(DAEMON_SET, (text) => text.replace(SERVER_TO_FILL_IN, server));
  const daemonSet = documents.find(({ kind }) => kind === 'DaemonSet') as V1DaemonSet | undefined;
  const spec = daemonSet?.spec?.template.spec;
  if (spec === undefined) throw new Error(`${DAEMON_SET} has no DaemonSet with a pod`);
  const maps = documents.filter(({ kind }) => kind === 'ConfigMap') as V1ConfigMap[];
  return { spec, configMaps: new Map(maps.map(({ metadata, data }) => [metadata?.name ?? '', data ?? {}])) };
}
