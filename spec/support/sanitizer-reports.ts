import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';

// Set up before each spec file that runs a sanitizer build (vitest.config.ts): what the sanitizer finds in a relay fails the
// test that has run it. By itself a report is no more than a line on the relay's standard error, and a relay that ended by it
// is started again.

const reports = mkdtempSync(join(tmpdir(), 'kube-splice-sanitizer-'));
// A relay that root starts has become another user by then.
chmodSync(reports, 0o1777);
const options = `log_path=${join(reports, 'report')}`;
process.env.ASAN_OPTIONS = `${options}:detect_leaks=1`;
process.env.UBSAN_OPTIONS = `${options}:print_stacktrace=1`;
process.env.TSAN_OPTIONS = `${options}:second_deadlock_stack=1`;

const seen = new Set<string>();

function failIfReported(): void {
  const fresh = readdirSync(reports).filter((name) => !seen.has(name));
  if (fresh.length === 0) return;
  for (const name of fresh) seen.add(name);
  const texts = fresh.map((name) => readFileSync(join(reports, name), 'utf8'));
  throw new Error(`the sanitizer reports:\n${texts.join('\n')}`);
}

afterEach(failIfReported);
// What a relay reports that ends with the last test.
afterAll(() => {
  try {
    failIfReported();
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
});
