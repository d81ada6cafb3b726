import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { KubeSpliceError } from '../../../model/errors.js';
import { Field } from '../../../model/field.js';
import { fieldPathText } from '../../../model/field-error.js';
import { quoted } from '../../../model/printable.js';
import { fileFault, type ReadFile } from '../../file-fault.js';
import { ANYBODY, type ApiUser, bareConfig, type ClusterConfig } from './cluster-config.js';
import { execExtensionOf, readCluster } from './kubeconfig-cluster.js';
import { type KubeconfigFile, mappingAt } from './kubeconfig-field.js';
import { readUser } from './kubeconfig-user.js';
import type { ServerAddress } from './server-address.js';

/** How many of the mistakes of one file a message tells. */
const MISTAKES_TOLD = 3;

/**
 * The server and the credentials of a kubeconfig file's current context ("kubeconfig (v1)" in Kubernetes'
 * reference). Other contexts, clusters and users in it may be broken. Its paths are relative to its directory.
 *
 * @param master takes the place of the cluster's server, and lets a context or cluster be missing, as client-go has it.
 * @throws KubeSpliceError `KUBECONFIG_UNREADABLE`, `KUBECONFIG_INVALID`.
 */
export async function readKubeconfig(
  path: string,
  master: ServerAddress | null,
  readFile: ReadFile,
): Promise<ClusterConfig> {
  const name = quoted(path);
  const root = Field.root(parseYaml(await readText(path, readFile), name));
  const file: KubeconfigFile = { name, directory: resolve(dirname(path)) };
  const config = currentConfig(root, file, master);
  const [first] = root.errors;
  if (first === undefined && config !== null) return config;
  const told = root.errors
    .slice(0, MISTAKES_TOLD)
    .map((error) => `${fieldPathText(error.path)} ${error.message}`.trim());
  throw invalid(`${name}: ${told.join('; ')}`);
}

/**
 * Null where something is missing, which is then reported. Clusters and users are read by the client library; contexts
 * are not, as it takes none without a cluster, and beside `master` that is none to miss.
 */
function currentConfig(
  root: Field,
  file: KubeconfigFile,
  master: ServerAddress | null,
): ClusterConfig | null {
  if (!checkKind(root)) return null;
  const name = root.child('current-context').text() ?? '';
  if (name === '' && master !== null) return bareConfig(master);
  const context = name === '' ? undefined : entry(root.child('contexts'), 'context', name);
  if (name === '') root.child('current-context').missing(`name one of ${namesIn(root.child('contexts'))}`);
  if (context === undefined) {
    if (name !== '') reportAbsent(root.child('current-context'), root.child('contexts'), 'a context');
    return null;
  }
  const cluster = clusterOf(root, context, file, master);
  const user = userOf(root, context, file);
  return cluster === null || user === null ? null : { ...cluster, user };
}

function clusterOf(
  root: Field,
  context: Field,
  file: KubeconfigFile,
  master: ServerAddress | null,
): Omit<ClusterConfig, 'user'> | null {
  const reference = context.child('cluster');
  const name = reference.text() ?? '';
  const field = entry(root.child('clusters'), 'cluster', name);
  if (field !== undefined) return readCluster(name, field, file, master);
  if (master !== null) return bareConfig(master);
  if (!reference.present) reference.missing(`name one of ${namesIn(root.child('clusters'))}`);
  else reportAbsent(reference, root.child('clusters'), 'a cluster');
  return null;
}

function userOf(root: Field, context: Field, file: KubeconfigFile): ApiUser | null {
  const reference = context.child('user');
  const name = reference.text() ?? '';
  if (name === '') return ANYBODY;
  const field = entry(root.child('users'), 'user', name);
  if (field === undefined) {
    reportAbsent(reference, root.child('users'), 'a user');
    return null;
  }
  const cluster = entry(root.child('clusters'), 'cluster', context.child('cluster').text() ?? '');
  return readUser(name, field, file, cluster === undefined ? undefined : execExtensionOf(cluster));
}

function checkKind(root: Field): boolean {
  if (!root.present) root.report('the file is empty');
  if (mappingAt(root) === null) return false;
  const kind = root.child('kind');
  if (kind.present && kind.value !== 'Config') kind.reject('is not the kind Config');
  const version = root.child('apiVersion');
  if (version.present && version.value !== 'v1') version.reject('is not the version v1');
  return true;
}

/** What the entry of this name holds; the last of several, as client-go's conversion to a map has it. */
function entry(list: Field, key: string, name: string): Field | undefined {
  if (name === '' || !Array.isArray(list.value)) return undefined;
  return list
    .items()
    .filter((item) => item.child('name').value === name)
    .at(-1)
    ?.child(key);
}

function reportAbsent(reference: Field, list: Field, what: string): void {
  reference.reject(`is not the name of ${what} here; there are ${namesIn(list)}`);
}

function namesIn(list: Field): string {
  const items: readonly Field[] = Array.isArray(list.value) ? list.items() : [];
  const names = items.map((item) => item.child('name').value).filter((name) => typeof name === 'string');
  return names.length === 0 ? `none: ${fieldPathText(list.path)} is empty` : names.map(quoted).join(', ');
}

async function readText(path: string, readFile: ReadFile): Promise<string> {
  try {
    return (await readFile(path)).toString('utf8');
  } catch (cause) {
    throw new KubeSpliceError('KUBECONFIG_UNREADABLE', `--kubeconfig: ${quoted(path)} ${fileFault(cause)}`, {
      cause,
    });
  }
}

/** What a parser complains about can quote a token: only the place and the kind of a mistake are told. */
function parseYaml(text: string, name: string): unknown {
  const document = parseDocument(text, { merge: true, prettyErrors: true, logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    throw invalid(`${name}: line ${line} is neither YAML nor JSON (${error.code})`);
  }
  try {
    return document.toJS();
  } catch {
    throw invalid(`${name}: an alias in the YAML leads nowhere, or to too much`);
  }
}

function invalid(message: string): KubeSpliceError {
  return new KubeSpliceError('KUBECONFIG_INVALID', message);
}
