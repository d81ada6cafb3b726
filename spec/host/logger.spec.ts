import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import type { LogConfig } from '../../src/config/proxy-config.js';
import { createLogger, LOG_FILE_NAME } from '../../src/host/logger.js';
import { within } from '../support/deadline.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const now = () => new Date('2026-11-22T17:39:18.438Z');
const TIME = '2026-11-22T17:39:18.438Z';

function logConfig(changed: Partial<LogConfig> = {}): LogConfig {
  return { ...DEFAULT_CONFIG.log, ...changed };
}

/** What a logger of this configuration writes to standard error, line by line. */
async function stderrOf(
  config: LogConfig,
  use: (logger: Awaited<ReturnType<typeof createLogger>>) => void | Promise<void>,
): Promise<string[]> {
  const stderr = new PassThrough();
  const written = text(stderr);
  const logger = await createLogger(config, { stderr, now });
  await use(logger);
  await within('close', logger.close());
  stderr.end();
  return (await written).split('\n').slice(0, -1);
}

describe('createLogger', () => {
  it('writes one line an event to standard error', async () => {
    const lines = await stderrOf(logConfig(), (logger) => {
      logger.error('no room', { port: 80 });
      logger.warn('100% sure: %s %d %j', { name: 'a b' });
      logger.info('ready');
    });
    expect(lines).toEqual([
      `${TIME} ERROR no room port=80`,
      `${TIME} WARN  100% sure: %s %d %j name="a b"`,
      `${TIME} INFO  ready`,
    ]);
  });

  it('writes one JSON object an event where that is asked for', async () => {
    const lines = await stderrOf(logConfig({ format: 'json' }), (logger) => {
      logger.info('ready', { portals: 2, level: 'a field of this name' });
      logger.info('done');
    });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { time: TIME, level: 'info', message: 'ready', fields: { portals: 2, level: 'a field of this name' } },
      { time: TIME, level: 'info', message: 'done', fields: {} },
    ]);
  });

  it('tells details up to another level from when that is set', async () => {
    const lines = await stderrOf(logConfig({ level: 2 }), (logger) => {
      logger.detail(4, 'before');
      logger.setLevel(4);
      logger.detail(4, 'while it is higher');
      expect([logger.shows(4), logger.shows(6)]).toEqual([true, false]);
      logger.setLevel(0);
      logger.detail(2, 'while it is lower');
    });
    expect(lines).toEqual([expect.stringContaining('while it is higher')]);
  });

  it('tells details up to the level that is asked for', async () => {
    const shown = async (level: number) =>
      stderrOf(logConfig({ level }), (logger) => {
        for (const detail of [0, 2, 4, 6]) {
          logger.detail(detail, `v${detail}`);
          expect(logger.shows(detail)).toBe(detail <= level);
        }
      });
    expect(await shown(0)).toEqual([`${TIME} DEBUG v0`]);
    expect(await shown(4)).toEqual(['v0', 'v2', 'v4'].map((message) => `${TIME} DEBUG ${message}`));
  });

  it('has handed over every line when it is closed, and drops those that come later', async () => {
    const messages = Array.from({ length: 5_000 }, (_, index) => `event ${index}`);
    const lines = await stderrOf(logConfig(), async (logger) => {
      for (const message of messages) logger.info(message);
      const closed = logger.close();
      logger.info('too late');
      await closed;
      logger.info('much too late');
    });
    expect(lines).toEqual(messages.map((message) => `${TIME} INFO  ${message}`));
  });

  it('writes to the files of --log-dir instead of standard error', async () => {
    const directory = temporaryDirectory();
    const lines = await stderrOf(logConfig({ directory }), (logger) => logger.info('in the file'));
    expect(lines).toEqual([]);
    expect(readFileSync(join(directory, LOG_FILE_NAME), 'utf8')).toBe(`${TIME} INFO  in the file\n`);
  });

  it('writes to both with --alsologtostderr', async () => {
    const directory = temporaryDirectory();
    const lines = await stderrOf(logConfig({ directory, alsoToStderr: true }), (logger) =>
      logger.info('here'),
    );
    expect(lines).toEqual([`${TIME} INFO  here`]);
    expect(readFileSync(join(directory, LOG_FILE_NAME), 'utf8')).toBe(`${TIME} INFO  here\n`);
  });

  it('begins a new file when one is full, and keeps a few of the old ones', async () => {
    const directory = temporaryDirectory();
    const logger = await createLogger(logConfig({ directory }), { now, maxFileBytes: 1_000 });
    for (let count = 0; count < 1_000; count++) logger.info(`event ${count}`);
    await logger.close();
    expect(readdirSync(directory).sort()).toEqual(
      ['', '.1', '.2', '.3', '.4'].map((age) => `${LOG_FILE_NAME}${age}`),
    );
    expect(readFileSync(join(directory, LOG_FILE_NAME), 'utf8')).toMatch(/ event 999\n$/);
  });

  it.each([
    ['that does not exist', (directory: string) => join(directory, 'missing'), 'ENOENT'],
    [
      'that is a file',
      (directory: string) => {
        writeFileSync(join(directory, 'file'), '');
        return join(directory, 'file');
      },
      'ENOTDIR',
    ],
  ])('refuses a directory %s at once', async (_which, make, code) => {
    const directory = make(temporaryDirectory());
    await expect(createLogger(logConfig({ directory }))).rejects.toMatchObject({
      code: 'LOG_DIRECTORY_UNUSABLE',
      message: `--log-dir: ${JSON.stringify(join(directory, LOG_FILE_NAME))} cannot be written: ${code}`,
    });
  });

  it.runIf(existsSync('/dev/full'))(
    'says on standard error, once, that the disk is full, and goes on',
    async () => {
      const directory = temporaryDirectory();
      symlinkSync('/dev/full', join(directory, LOG_FILE_NAME));
      const lines = await stderrOf(logConfig({ directory }), async (logger) => {
        for (let turn = 0; turn < 20; turn++) {
          logger.info('lost');
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      expect(lines).toEqual([
        `${TIME} ERROR the log file cannot be written; lines are lost until it can` +
          ` path=${join(directory, LOG_FILE_NAME)} error=ENOSPC`,
      ]);
    },
  );

  it('outlives whoever reads standard error', async () => {
    const epipe = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    const stderr = new Writable({ write: (_chunk, _encoding, done) => done(epipe) });
    const logger = await createLogger(logConfig(), { stderr, now });
    const closed = new Promise((resolve) => stderr.once('close', resolve));
    logger.info('to nobody');
    await within('the broken pipe', closed);
    logger.info('to nobody again');
    await within('close', logger.close());
    expect(stderr.destroyed).toBe(true);
  });

  it('leaves what the process does about exceptions alone', async () => {
    const events = ['uncaughtException', 'unhandledRejection'] as const;
    const before = events.map((event) => process.listenerCount(event));
    await stderrOf(logConfig(), () => {
      expect(events.map((event) => process.listenerCount(event))).toEqual(before);
    });
  });
});
