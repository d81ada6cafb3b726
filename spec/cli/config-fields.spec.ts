import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FLAGS } from '../../src/cli/flags.js';
import { IGNORED_FLAGS } from '../../src/cli/flags-of-kube-proxy.js';
import { CONFIGURATIONS, type ConfigurationForm } from '../../src/config/file/field-forms.js';

const DOCUMENT = 'docs/configuration.md';
/** What is asked of a command line alone. */
const NO_FIELDS = [
  'config',
  'write-config-to',
  'healthz-port',
  'metrics-port',
  'cleanup',
  'cleanup-iptables',
  'help',
  'version',
];

const flagsOf = ({ fields }: ConfigurationForm) =>
  fields.flatMap(({ means }) => ('flag' in means ? [means.flag] : []));

/** The rows of the table below a heading: field, and what it means. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] = readFileSync(DOCUMENT, 'utf8').split(`## ${heading}\n`);
  const [table = ''] = section.split('\n## ');
  return [...table.matchAll(/^\| `([\w.]+)` \| (\S+) \| (.*) \|$/gm)].map((row) => row.slice(1, 4));
}

describe('the fields of a configuration file', () => {
  it('mean flags that there are', () => {
    const known = new Set<string>([...FLAGS, ...IGNORED_FLAGS].map(({ name }) => name));
    expect(CONFIGURATIONS.flatMap(flagsOf).filter((flag) => !known.has(flag))).toEqual([]);
  });

  it('leave out no flag of the proxy that has an effect', () => {
    const said = new Set(CONFIGURATIONS.flatMap(flagsOf));
    const ofTheProxy = FLAGS.filter(({ commands }) => (commands as readonly string[]).includes('run'));
    const missing = ofTheProxy.filter(({ name }) => !said.has(name)).map(({ name }) => name as string);
    expect(missing.toSorted()).toEqual(NO_FIELDS.toSorted());
  });

  it.each(CONFIGURATIONS.map((form) => [form.kind, form] as const))(
    `of %s are those of ${DOCUMENT}, with what they take and mean`,
    (kind, { fields }) => {
      const ignored = new Map<string, string>(IGNORED_FLAGS.map(({ name, because }) => [name, because]));
      const meaning = (means: (typeof fields)[number]['means']) => {
        if (!('flag' in means)) return `nothing: ${means.nothing}`;
        const because = ignored.get(means.flag);
        if (because !== undefined) return `nothing: ${because}`;
        return means.flag === 'v' ? '`-v`' : `\`--${means.flag}\``;
      };
      expect(rowsOf(kind)).toEqual(fields.map(({ path, takes, means }) => [path, takes, meaning(means)]));
    },
  );
});
