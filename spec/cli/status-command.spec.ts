import { afterEach, describe, expect, it } from 'vitest';
import { runStatusCommand } from '../../src/cli/status-command.js';
import { SILENT_LOGGER } from '../../src/host/log.js';
import { healthPages } from '../../src/status/status-pages.js';
import { StatusServer } from '../../src/status/status-server.js';
import { statusTable } from '../../src/status/status-table.js';
import { aReport, aSourceStatus, statusFigures } from '../support/proxy-values.js';

/** A name with a control character that JSON lets through. */
const LOCATION = 'services\u009b2J.yaml';
const REPORT = aReport({ sources: [aSourceStatus({ location: LOCATION, objects: 0 })] });
let server: StatusServer | undefined;

afterEach(() => server?.stop());

async function serve() {
  server = new StatusServer(
    { address: '127.0.0.1', port: 0 },
    healthPages(statusFigures({ report: async () => REPORT })),
    SILENT_LOGGER,
  );
  return server.start();
}

describe('kube-splice status', () => {
  it('prints the table of the running proxy', async () => {
    const written: string[] = [];
    const options = { address: await serve(), write: (text: string) => void written.push(text) };
    expect(await runStatusCommand({ ...options, output: 'table' })).toBe(0);
    expect(written.join('')).toBe(statusTable(REPORT));
  });

  it('prints its JSON with -o json', async () => {
    const written: string[] = [];
    const options = { address: await serve(), write: (text: string) => void written.push(text) };
    expect(await runStatusCommand({ ...options, output: 'json' })).toBe(0);
    expect(JSON.parse(written.join(''))).toEqual(REPORT);
    expect(written.join('')).toMatch(/}\n$/);
    expect(written.join('')).not.toContain('\u009b');
  });

  it('prints nothing and fails where no proxy runs', async () => {
    const written: string[] = [];
    const address = await serve();
    await server?.stop();
    const options = { address, write: (text: string) => void written.push(text) };
    await expect(runStatusCommand({ ...options, output: 'table' })).rejects.toMatchObject({
      code: 'STATUS_UNREACHABLE',
    });
    expect(written).toEqual([]);
  });
});
