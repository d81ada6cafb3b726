import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CollectedStates } from '../../support/collected-states.js';
import { within } from '../../support/deadline.js';
import { both, directory, file, inside, sourceOf, WEB, WEB_AT } from './manifests-setting.js';

/** What this process has read so far (proc(5)). */
const IO = '/proc/self/io';
const MEBIBYTE = 1024 * 1024;

function bytesRead(): number {
  const [, bytes = '0'] = /^rchar: (\d+)$/m.exec(readFileSync(IO, 'utf8')) ?? [];
  return Number(bytes);
}

describe('a reload of manifests', () => {
  it.skipIf(!existsSync(IO))(
    'reads files that look as they did, and delivers nothing where they are the same (skipped without /proc)',
    async () => {
      file('web.yaml', `${WEB}#${' '.repeat(MEBIBYTE)}\n`);
      const source = sourceOf([directory]);
      const states = await CollectedStates.startOf(source);
      const before = bytesRead();
      expect(await within('the reload', source.reload())).toEqual([
        expect.stringMatching(/\(1 file, \d objects?\)$/),
      ]);
      expect(bytesRead() - before).toBeGreaterThan(MEBIBYTE);
      expect(states.states).toHaveLength(1);
    },
  );

  it('has delivered what changed when it is over', async () => {
    file('web.yaml', WEB);
    const source = sourceOf([directory]);
    const states = await CollectedStates.startOf(source);
    writeFileSync(inside('web.yaml'), both(WEB, WEB_AT('10.0.0.9')));
    await within('the reload', source.reload());
    expect(states.served).toEqual({ 'default/web:http': ['10.0.0.9:8080'] });
  });

  it('ends with the source', async () => {
    file('web.yaml', WEB);
    const source = sourceOf([directory]);
    await CollectedStates.startOf(source);
    await source.stop();
    await within('the reload', source.reload());
  });
});
