import { afterEach, describe, expect, it } from 'vitest';
import { runExplainCommand } from '../../../src/cli/explain-command.js';
import { SILENT_LOGGER } from '../../../src/host/log.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { askExplanation } from '../../../src/status/explain/explain-client.js';
import type { AskedExplanation } from '../../../src/status/explain/explainer.js';
import { explanationText } from '../../../src/status/explain/explanation-text.js';
import { json, type Pages } from '../../../src/status/page-answer.js';
import { healthPages, type StatusFigures } from '../../../src/status/status-pages.js';
import { StatusServer } from '../../../src/status/status-server.js';
import { anExplainReport } from '../../support/explain-values.js';
import { statusFigures } from '../../support/proxy-values.js';

const REPORT = anExplainReport();
const ASKED: AskedExplanation = { service: 'a/b', client: null };
let server: StatusServer | undefined;
afterEach(() => server?.stop());

async function serve(pages: Pages) {
  server = new StatusServer({ address: '127.0.0.1', port: 0 }, pages, SILENT_LOGGER);
  return server.start();
}

const serveExplain = (explain: StatusFigures['explain']) => serve(healthPages(statusFigures({ explain })));

describe('/v1/explain, and who asks for it', () => {
  it('give what was asked for, whatever characters its name has', async () => {
    const asked: AskedExplanation[] = [];
    const address = await serveExplain(async (question) => {
      asked.push(question);
      return REPORT;
    });
    const questions = [
      { service: 'default/whoami:http&x=#é', client: null },
      { service: 'a/b', client: 'fd00::1' },
    ];
    for (const question of questions) expect(await askExplanation(address, question)).toEqual(REPORT);
    expect(asked).toEqual(questions);
  });

  it('give the error of a Service that is not there, with what to do', async () => {
    const error = new KubeSpliceError('SERVICE_PORT_UNKNOWN', 'no Service "a/b"', { remedy: 'Look again.' });
    const address = await serveExplain(() => Promise.reject(error));
    await expect(askExplanation(address, ASKED)).rejects.toMatchObject({
      code: 'SERVICE_PORT_UNKNOWN',
      message: 'no Service "a/b"',
      remedy: 'Look again.',
    });
  });

  it('give the error of a client that is no address, which is not that of a page that is missing', async () => {
    const error = new KubeSpliceError('CLIENT_ADDRESS_INVALID', 'the client "x" is not an IP address');
    const address = await serveExplain(() => Promise.reject(error));
    const { status } = await fetch(
      `http://${address.address}:${address.port}/v1/explain?service=a/b&client=x`,
    );
    expect(status).toBe(400);
    await expect(askExplanation(address, { service: 'a/b', client: 'x' })).rejects.toMatchObject({
      code: 'CLIENT_ADDRESS_INVALID',
      message: 'the client "x" is not an IP address',
      remedy: error.remedy,
    });
  });

  it('tell of a failure as of that of any page', async () => {
    const address = await serveExplain(() => Promise.reject(new Error('broken')));
    await expect(askExplanation(address, ASKED)).rejects.toMatchObject({
      code: 'STATUS_MALFORMED',
      message: expect.stringContaining('broken'),
    });
  });

  it('say that an earlier version has no such page', async () => {
    const address = await serve(new Map());
    await expect(askExplanation(address, ASKED)).rejects.toMatchObject({
      code: 'STATUS_MALFORMED',
      message: expect.stringContaining('it answered 404 for /v1/explain'),
    });
  });

  it.each([
    ['nothing', {}],
    [
      'another verdict',
      { ...REPORT, explanations: [{ ...REPORT.explanations[0], waysIn: [{ verdict: 'x' }] }] },
    ],
    ['another 404', null],
  ])('take %s for no explanation', async (_what, value) => {
    const page = () => json(value === null ? 404 : 200, JSON.stringify(value));
    const address = await serve(new Map([['/v1/explain', page]]));
    await expect(askExplanation(address, ASKED)).rejects.toMatchObject({ code: 'STATUS_MALFORMED' });
  });

  it('take fields that a newer version added', async () => {
    const newer = { ...REPORT, added: 1 };
    const address = await serve(new Map([['/v1/explain', () => json(200, JSON.stringify(newer))]]));
    expect(await askExplanation(address, ASKED)).toEqual(newer);
  });

  it('print it, for people or for programs', async () => {
    const address = await serveExplain(async () => REPORT);
    const printed = async (output: 'table' | 'json') => {
      let written = '';
      const write = (text: string): void => {
        written += text;
      };
      expect(
        await runExplainCommand({ address, service: 'default/whoami', client: null, output, write }),
      ).toBe(0);
      return written;
    };
    expect(await printed('table')).toBe(explanationText(REPORT));
    expect(JSON.parse(await printed('json'))).toEqual(REPORT);
  });
});
