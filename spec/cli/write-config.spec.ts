import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeConfig } from '../../src/cli/write-config.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('--write-config-to', () => {
  it('writes the file, for its owner alone', () => {
    const path = join(temporaryDirectory(), 'k.yaml');
    writeConfig(path, 'kind: x\n');
    expect(readFileSync(path, 'utf8')).toBe('kind: x\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('says why it can not', () => {
    const path = join(temporaryDirectory(), 'missing', 'k.yaml');
    expect(() => writeConfig(path, '')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_UNWRITABLE',
        message: expect.stringMatching(/^--write-config-to: ".*k\.yaml" can't be written: ENOENT/) as string,
      }) as Error,
    );
  });
});
