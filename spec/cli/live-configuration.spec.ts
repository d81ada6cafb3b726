import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LiveConfiguration } from '../../src/cli/live-configuration.js';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import type { ProxyConfig } from '../../src/config/proxy-config.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import { eventually } from '../support/deadline.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const LOOK_EVERY_MS = 20;

/** A configuration that is the number of connections in its file. */
function readerOf(path: string, read: () => string) {
  return {
    path,
    read: () => {
      const text = read();
      const maxConnections = Number(text);
      if (Number.isNaN(maxConnections)) throw new KubeSpliceError('CONFIG_INVALID', `${text} is no number`);
      const config = {
        ...DEFAULT_CONFIG,
        maxConnections,
        bindAddress: maxConnections === 99 ? '::' : '0.0.0.0',
      };
      return { config, warnings: [`read ${text}`] };
    },
  };
}

function live(path: string, read: () => string) {
  const logger = new RecordingLogger();
  const configs: ProxyConfig[] = [];
  const levels: number[] = [];
  const configuration = new LiveConfiguration({
    config: DEFAULT_CONFIG,
    source: readerOf(path, read),
    logger,
    setLogLevel: (level) => levels.push(level),
    lookEveryMs: LOOK_EVERY_MS,
  });
  configuration.begin({ reconfigure: (config) => Promise.resolve(void configs.push(config)) });
  onTestFinished(() => configuration.end());
  const connections = () => configs.map(({ maxConnections }) => maxConnections);
  return { configuration, configs, connections, levels, logger };
}

describe('the configuration of a running proxy', () => {
  it('follows its file, however that is changed', async () => {
    const directory = temporaryDirectory();
    const [path, other, link] = ['config', 'other', 'link'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(path, '0');
    symlinkSync(path, link);
    const { configuration, connections } = live(link, () => readFileSync(link, 'utf8'));
    writeFileSync(path, '1');
    await eventually(() => expect(connections()).toEqual([1]));
    // As editors do.
    writeFileSync(other, '22');
    renameSync(other, path);
    await eventually(() => expect(connections()).toEqual([1, 22]));
    // As a mounted ConfigMap does.
    writeFileSync(other, '333');
    symlinkSync(other, `${link}.new`);
    renameSync(`${link}.new`, link);
    await eventually(() => expect(connections()).toEqual([1, 22, 333]));
    expect(configuration.config.maxConnections).toBe(333);
  });

  it('is read when it is asked for, one reading at a time, and tells what came of it', async () => {
    let text = '0';
    const { configuration, connections, logger, levels } = live('/no/such/file', () => text);
    expect(await configuration.reload()).toBe('/no/such/file (nothing is different)');
    expect(logger.lines).toEqual([]);
    text = '5';
    expect(await Promise.all([configuration.reload(), configuration.reload()])).toEqual([
      '/no/such/file (--max-connections)',
      '/no/such/file (nothing is different)',
    ]);
    expect(connections()).toEqual([5]);
    expect(levels).toEqual([0]);
    expect(logger.messages('warn')).toEqual(['read 5']);
    expect(logger.lines.find(({ level }) => level === 'info')).toMatchObject({
      message: 'configuration: in effect',
      fields: { file: '/no/such/file', settings: '--max-connections' },
    });
  });

  it('tells of what has its effect at the next start only, and runs on with what it had', async () => {
    const { configuration, configs, logger } = live('/no/such/file', () => '99');
    expect(await configuration.reload()).toBe('/no/such/file (--max-connections --bind-address)');
    expect(configs).toMatchObject([{ maxConnections: 99, bindAddress: '0.0.0.0' }]);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'warn',
      message: 'configuration: other settings have their effect at the next start',
      fields: { settings: '--bind-address' },
    });
  });

  it('goes on as it was where the file is wrong, and says what is', async () => {
    let text = '3';
    const { configuration, connections, logger } = live('/no/such/file', () => text);
    await configuration.reload();
    text = 'three';
    expect(await configuration.reload()).toBe('/no/such/file (not taken up)');
    expect(logger.messages('error')).toEqual([
      'CONFIG_INVALID: three is no number; what was read last goes on',
    ]);
    expect([connections(), configuration.config.maxConnections]).toEqual([[3], 3]);
  });

  it('is not read any more once it has ended, nor where no file says anything', async () => {
    const { configuration, connections } = live('/no/such/file', () => '3');
    configuration.end();
    expect(await configuration.reload()).toBeNull();
    expect(connections()).toEqual([]);
    const without = new LiveConfiguration({
      config: DEFAULT_CONFIG,
      source: null,
      logger: new RecordingLogger(),
      setLogLevel: () => undefined,
    });
    without.begin({ reconfigure: () => Promise.reject(new Error('there is nothing to take up')) });
    expect(await without.reload()).toBeNull();
    without.end();
  });
});
