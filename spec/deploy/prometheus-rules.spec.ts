import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../src/status/metrics/metrics.js';
import { readExposition } from '../support/exposition.js';
import { aReport, noRelayProcess, syncProgress } from '../support/proxy-values.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const RULES = 'deploy/prometheus-rules.yaml';
const TESTS = 'spec/deploy/prometheus-rules.test.yaml';
const HAS_PROMTOOL = spawnSync('promtool', ['--version']).error === undefined;

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly description: string };
}

const rules = (
  parse(readFileSync(RULES, 'utf8')) as { groups: readonly { rules: readonly Rule[] }[] }
).groups.flatMap((group) => group.rules);

function promtool(...argv: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', argv, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

/** What `promtool test rules` says of these rules. */
function tested(text: string): { status: number | null; output: string } {
  const directory = temporaryDirectory();
  const [path, tests] = [join(directory, 'rules.yaml'), join(directory, 'tests.yaml')];
  writeFileSync(path, text);
  writeFileSync(tests, readFileSync(TESTS, 'utf8').replace('[RULES]', `[${resolve(path)}]`));
  return promtool('test', 'rules', tests);
}

describe(RULES, () => {
  it('asks for metrics that there are', async () => {
    const report = aReport({ refused: { connections: 0, datagrams: 0 } });
    const { body } = await new Metrics(async () => report, syncProgress, noRelayProcess).page();
    const known = new Set([...readExposition(body).keys()]);
    const asked = rules.flatMap(({ expr }) => [...expr.matchAll(/\bkube(?:splice|proxy)_\w+/g)]);
    const names = asked.map(([name]) => name.replace(/_bucket$/, ''));
    expect(names.length).toBeGreaterThan(8);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it('says of each alert what it is about and what to do', () => {
    for (const { alert, annotations } of rules)
      expect([alert, annotations.summary, annotations.description]).toEqual([
        expect.stringMatching(/^KubeSplice[A-Z]/),
        expect.stringMatching(/\S/),
        expect.stringMatching(/\.$/),
      ]);
  });

  it.skipIf(!HAS_PROMTOOL)('is well-formed for promtool (skipped without promtool)', () => {
    const { status, output } = promtool('check', 'rules', RULES);
    expect(output).toContain(`${rules.length} rules found`);
    expect(status).toBe(0);
  });

  it.skipIf(!HAS_PROMTOOL)(
    'fires for what each alert is about, and for nothing else (skipped without promtool)',
    () => {
      expect(tested(readFileSync(RULES, 'utf8'))).toMatchObject({ status: 0 });
    },
  );

  it.skipIf(!HAS_PROMTOOL).each(rules.map(({ alert, expr }) => [alert, expr]))(
    'would not pass its tests without the condition of %s, or with another one (skipped without promtool)',
    (_, expr) => {
      const text = readFileSync(RULES, 'utf8');
      expect(text).toContain(`expr: ${expr}\n`);
      expect(tested(text.replace(`expr: ${expr}\n`, 'expr: vector(1) > 2\n')).status).not.toBe(0);
      expect(tested(text.replace(`expr: ${expr}\n`, 'expr: vector(1)\n')).status).not.toBe(0);
    },
  );
});
