import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { healthCode, ProxyUnderLoad } from '../support/proxy-under-load.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.60';
const MANY = 300;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** The library of Debian's package: it answers a process that asks for the time, with what a file says. */
const FAKETIME = ['/usr/lib/faketime', ...debianFolders()]
  .map((folder) => join(folder, 'libfaketime.so.1'))
  .find((path) => existsSync(path));
const MISSING = process.env.CI === undefined && FAKETIME === undefined;

function debianFolders(): readonly string[] {
  return readdirSync('/usr/lib')
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => `/usr/lib/${name}/faketime`);
}

describe.skipIf(NATIVE_RELAY_MISSING || MISSING)(
  'a clock that is set by an hour (skipped without the native relay, or libfaketime)',
  () => {
    it('either way costs no client anything, nor the state of health, nor a change its effect', {
      timeout: 60_000,
    }, async () => {
      const offset = join(temporaryDirectory(), 'offset');
      writeFileSync(offset, '+0');
      const running = await ProxyUnderLoad.start({
        address: ADDRESS,
        program: {
          environment: {
            LD_PRELOAD: FAKETIME ?? 'there is none',
            FAKETIME_TIMESTAMP_FILE: offset,
            FAKETIME_NO_CACHE: '1',
            // What is set is the clock of the day: the others go on.
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
            DONT_FAKE_MONOTONIC: '1',
          },
        },
      });
      const { proxy, load } = running;
      const ahead = async () => Date.parse((await proxy.report()).currentTime) - Date.now();
      const endpointsOfWeb = async () =>
        (await proxy.report()).servicePorts.find(({ name }) => name === 'default/web:main')?.endpoints.length;
      expect(Math.abs(await ahead())).toBeLessThan(MINUTE_MS);
      let endpoints = 3;
      for (const hours of [1, 0, -1, 0]) {
        writeFileSync(offset, `${hours < 0 ? '' : '+'}${hours}h`);
        // It is this process's clock that is another one, or all of this would show nothing.
        await eventually(async () =>
          expect(Math.abs((await ahead()) - hours * HOUR_MS)).toBeLessThan(MINUTE_MS),
        );
        expect(await healthCode(proxy)).toBe(200);
        endpoints = endpoints === 3 ? 1 : 3;
        running.declare({ endpoints });
        await eventually(async () => expect(await endpointsOfWeb()).toBe(endpoints));
        await load.more(MANY);
        expect(await healthCode(proxy)).toBe(200);
      }
      expect((await load.stop()).failures).toEqual([]);
      expect(proxy.program.stderr).not.toMatch(/ (WARN|ERROR) /);
    });
  },
);

it('has nothing to do with the relay, which asks for the time of day only to tell when it started', () => {
  const sources = join(import.meta.dirname, '../../native/src');
  const found = spawnSync('grep', [
    '-rlE',
    'CLOCK_REALTIME|gettimeofday|system_clock|[^a-zA-Z_]time\\(',
    sources,
  ]);
  expect(found.stdout.toString()).toBe(`${join(sources, 'process-figures.cpp')}\n`);
});
