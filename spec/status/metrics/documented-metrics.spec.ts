import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENDPOINT_FIGURES } from '../../../src/status/metrics/endpoint-figures.js';
import { Metrics } from '../../../src/status/metrics/metrics.js';
import { SERVICE_PORT_FIGURES } from '../../../src/status/metrics/service-port-figures.js';
import { readExposition } from '../../support/exposition.js';
import { aReport, noRelayProcess, syncProgress } from '../../support/proxy-values.js';

const DOCUMENT = 'docs/metrics.md';

/** Each row of a table below a heading, as the cells of its columns. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] = readFileSync(DOCUMENT, 'utf8').split(`## ${heading}\n`);
  const [table = ''] = section.split('\n## ');
  return [...table.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name = '', cells = '']) => [
    name,
    ...cells.split(' | '),
  ]);
}

async function served() {
  const { body } = await new Metrics(async () => aReport(), syncProgress, noRelayProcess).page();
  return [...readExposition(body)].filter(([name]) => !/^(process|nodejs)_/.test(name));
}

describe(DOCUMENT, () => {
  it('lists the metrics of the proxy, in their order, with type and help', async () => {
    const ofServicePorts = new Set(SERVICE_PORT_FIGURES.map(({ name }) => name));
    const metrics = (await served()).filter(([name]) => !ofServicePorts.has(name));
    expect(rowsOf('Of the proxy')).toEqual(metrics.map(([name, { type, help }]) => [name, type, help]));
  });

  it('lists those of each service port, and of which protocol they are', () => {
    expect(rowsOf('Of each service port')).toEqual(
      SERVICE_PORT_FIGURES.map(({ name, type, protocol = 'all', help }) => [name, type, protocol, help]),
    );
  });

  it('lists those of each endpoint, which are there where they are asked for alone', async () => {
    const rows = ENDPOINT_FIGURES.map(({ name, type, protocol = 'all', help }) => [
      name,
      type,
      protocol,
      help,
    ]);
    expect(rowsOf('Of each endpoint')).toEqual(rows);
    const page = async (perEndpoint: boolean) => {
      const { body } = await new Metrics(
        async () => aReport(),
        syncProgress,
        noRelayProcess,
        () => perEndpoint,
      ).page();
      return [...readExposition(body).keys()].filter((name) => name.startsWith('kubesplice_endpoint_'));
    };
    expect(await page(true)).toEqual(ENDPOINT_FIGURES.map(({ name }) => name));
    expect(await page(false)).toEqual([]);
  });

  it('asks in its questions for metrics that there are', async () => {
    const [, questions = ''] = readFileSync(DOCUMENT, 'utf8').split('## Questions');
    const asked = new Set([...questions.matchAll(/\bkube(?:splice|proxy)_\w+/g)].map(([name]) => name));
    const names = new Set(
      (await served()).flatMap(([name, { type }]) =>
        type === 'histogram' ? [name, `${name}_bucket`] : [name],
      ),
    );
    expect(asked.size).toBeGreaterThan(5);
    expect([...asked].filter((name) => !names.has(name))).toEqual([]);
  });
});
