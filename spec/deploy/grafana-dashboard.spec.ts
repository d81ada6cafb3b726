import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DASHBOARD, dashboardPanels, queriesOf } from '../support/dashboard.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const HAS_PROMTOOL = spawnSync('promtool', ['--version']).error === undefined;
const COLUMNS = 24;

const panels = dashboardPanels();
const asking = panels.filter(({ type }) => type !== 'row');

describe(DASHBOARD, () => {
  it('asks for metrics that docs/metrics.md has, each panel something', () => {
    const documented = new Set(
      [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(kube\w+)`/gm)].map(([, name]) => name),
    );
    for (const panel of asking) {
      const queries = queriesOf(panel);
      expect([panel.title, queries.length > 0]).toEqual([panel.title, true]);
      const names = queries.flatMap((query) => [...query.matchAll(/\bkube(?:splice|proxy)_\w+/g)]);
      const unknown = names
        .map(([name]) => name.replace(/_bucket$/, ''))
        .filter((name) => !documented.has(name));
      expect([panel.title, unknown]).toEqual([panel.title, []]);
    }
  });

  it('asks of the job and the nodes that are chosen, and of the Prometheus that is', () => {
    const text = readFileSync(DASHBOARD, 'utf8');
    for (const { title, targets = [] } of asking)
      for (const { expr } of targets)
        for (const [selector] of expr.matchAll(/(?<=\b(?:up|kube\w+))\{[^}]*\}/g))
          expect([title, selector]).toEqual([title, '{job="$job",instance=~"$instance"}']);
    const sources = [...text.matchAll(/"uid": "(.*?)"/g)].map(([, uid]) => uid);
    expect(new Set(sources)).toEqual(new Set([`\${datasource}`, 'kube-splice']));
  });

  it('has each panel at a place of its own, with a title and a word on what it shows', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect([title, gridPos.x + gridPos.w <= COLUMNS]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, taken.get(`${x} ${y}`)]).toEqual([title, undefined]);
          taken.set(`${x} ${y}`, title);
        }
    }
    for (const { title, description = '' } of asking)
      expect([title, description]).toEqual([title, expect.stringMatching(/\.$/)]);
  });

  it.skipIf(!HAS_PROMTOOL)('asks what promtool understands (skipped without promtool)', () => {
    const path = join(temporaryDirectory(), 'rules.yaml');
    const queries = asking.flatMap(queriesOf);
    const rules = queries.map((expr, index) => ({ record: `panel:${index}`, expr }));
    // JSON is YAML.
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', path], { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toContain(`${queries.length} rules found`);
    expect(status).toBe(0);
  });
});
