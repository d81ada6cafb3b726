import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileFault } from '../../src/sources/file-fault.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

async function faultOf(path: string): Promise<string> {
  return await readFile(path).then(
    () => 'none',
    (error: unknown) => fileFault(error),
  );
}

describe('the fault of a file', () => {
  it('is told in words, with the code of the system', async () => {
    const directory = temporaryDirectory();
    expect(await faultOf(join(directory, 'absent'))).toBe('cannot be read: it does not exist (ENOENT)');
    expect(await faultOf(directory)).toBe('cannot be read: it is a directory (EISDIR)');
  });

  it('that has no words of its own is told as the system has it', async () => {
    const path = join(temporaryDirectory(), 'a'.repeat(300));
    expect(await faultOf(path)).toBe('cannot be read: the system says (ENAMETOOLONG)');
    expect(fileFault(new Error('broken'))).toBe('cannot be read: the system says (Error: broken)');
  });
});
