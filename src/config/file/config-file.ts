import { LineCounter, parseAllDocuments } from 'yaml';
import { KubeSpliceError } from '../../model/errors.js';
import { Field, isMapping } from '../../model/field.js';
import { quoted } from '../../model/printable.js';
import { duplicateKeyOf, type YamlNode, yamlNode } from '../../model/yaml-node.js';
import { type ConfigurationReading, readConfiguration } from './configuration.js';
import { CONFIGURATIONS } from './field-forms.js';

/** What a configuration file says, in the words of flags. */
export interface ConfigFile {
  /** By the name of the flag that says the same. */
  readonly values: ReadonlyMap<string, ConfigValue>;
  /** A sentence for each thing that is overlooked, with its place. */
  readonly warnings: readonly string[];
}

export interface ConfigValue {
  /** As they would be written behind the flag. */
  readonly texts: readonly string[];
  /** For a message: `/etc/kube-proxy.conf:12: udpIdleTimeout`. */
  readonly where: string;
}

/** The key that kubeadm's ConfigMap `kube-proxy` has its file under, and any other that ends like a file of this kind. */
const DATA_KEY = /\.(conf|ya?ml|json)$/;

/**
 * Reads a configuration file: YAML or JSON, a KubeProxyConfiguration, a KubeSpliceConfiguration, or both, as documents of one file; or
 * a ConfigMap that holds such a file, as kubeadm's `kube-proxy` does. Strictly at first: what it does not know is named with its line.
 * Then, as kube-proxy does, that is overlooked with a warning.
 *
 * @param path for messages.
 * @throws KubeSpliceError `CONFIG_INVALID` with every place that is wrong, where something can't be overlooked.
 */
export function readConfigFile(path: string, text: string): ConfigFile {
  const documents = documentsOf(path, text);
  const [first] = documents;
  if (first === undefined) throw invalidConfig([`${path}: holds no configuration`]);
  const inner = textInConfigMap(first.node.value);
  if (inner !== null && documents.length === 1)
    return readConfigFile(`${path}: data[${JSON.stringify(inner.key)}]`, inner.text);
  const values = new Map<string, ConfigValue>();
  const warnings: string[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { node, duplicate } of documents) {
    const at = (line: number) => `${path}:${line}`;
    if (duplicate !== undefined)
      warnings.push(`${at(duplicate.line)}: the key ${duplicate.key} is there twice; the last one counts`);
    const form = CONFIGURATIONS.find((candidate) => isOfForm(node.value, candidate));
    if (form === undefined || seen.has(form.kind)) {
      const why = form === undefined ? ofNoKind(node.value) : `a second ${form.kind}; there may be one`;
      problems.push(`${at(node.lineOf([]))}: ${why}`);
      continue;
    }
    seen.add(form.kind);
    const reading = readConfiguration(node, form);
    addReading(reading, at, { values, warnings, problems });
  }
  if (problems.length > 0) throw invalidConfig(problems);
  return { values, warnings };
}

interface Gathered {
  readonly values: Map<string, ConfigValue>;
  readonly warnings: string[];
  readonly problems: string[];
}

function addReading(
  reading: ConfigurationReading,
  at: (line: number) => string,
  { values, warnings, problems }: Gathered,
): void {
  for (const { line, message } of reading.overlooked) warnings.push(`${at(line)}: ${message}`);
  for (const { line, message } of reading.problems) problems.push(`${at(line)}: ${message}`);
  // The first of two fields that mean one flag.
  for (const { line, path, flag, texts } of reading.values)
    if (!values.has(flag)) values.set(flag, { texts, where: `${at(line)}: ${path}` });
}

function documentsOf(path: string, text: string) {
  const lines = new LineCounter();
  const options = {
    lineCounter: lines,
    merge: true,
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
  };
  const parsed = parseAllDocuments(text, { ...options, logLevel: 'error' });
  const documents = 'empty' in parsed ? [] : parsed;
  return documents
    .map((document) => ({
      node: yamlNode(document, lines, 'overlooked'),
      duplicate: duplicateKeyOf(document, lines),
    }))
    .filter(({ node }) => {
      if (node.error !== undefined)
        throw invalidConfig([`${path}:${node.error.line}: ${node.error.message}`]);
      return node.value !== null && node.value !== undefined;
    });
}

function isOfForm(
  value: YamlNode['value'],
  { apiVersion, kind }: { apiVersion: string; kind: string },
): boolean {
  return isMapping(value) && value.apiVersion === apiVersion && value.kind === kind;
}

function ofNoKind(value: unknown): string {
  const kinds = CONFIGURATIONS.map(({ apiVersion, kind }) => `${kind} of ${apiVersion}`).join(' or ');
  const [apiVersion, kind] = isMapping(value) ? [value.apiVersion, value.kind] : [undefined, undefined];
  if (typeof kind !== 'string' || typeof apiVersion !== 'string')
    return `is no configuration: apiVersion and kind say which; give a ${kinds}`;
  return `${quoted(kind)} of ${quoted(apiVersion)} is no configuration that is known here; give a ${kinds}`;
}

/** The one text in a ConfigMap that is a configuration; null where this is no ConfigMap that holds one. */
function textInConfigMap(value: unknown): { readonly key: string; readonly text: string } | null {
  if (!isOfForm(value, { apiVersion: 'v1', kind: 'ConfigMap' })) return null;
  const data = Field.root(value).child('data').value;
  const texts = Object.entries(isMapping(data) ? data : {}).flatMap(([key, text]) =>
    typeof text === 'string' &&
    DATA_KEY.test(key) &&
    /^\s*"?apiVersion"?\s*:\s*"?kube(proxy\.config\.k8s|-splice)\.io\//m.test(text)
      ? [{ key, text }]
      : [],
  );
  const [only] = texts;
  return texts.length === 1 && only !== undefined ? only : null;
}

function invalidConfig(problems: readonly string[]): KubeSpliceError {
  return new KubeSpliceError('CONFIG_INVALID', problems.join('; '));
}
