import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasTerminal } from '../../src/host/terminal.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

it('a terminal that cannot be opened is none; spec/e2e/reload.spec.ts closes a real one', () => {
  expect(hasTerminal('/dev/null')).toBe(true);
  expect(hasTerminal(join(temporaryDirectory(), 'tty'))).toBe(false);
});
