import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one line that a program can read: `N passed, N failed`, and how many were skipped if any were. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const states = [...module.children.allTests()].map((test) => test.result().state);
      for (const state of states) count[state] += 1;
      // A file that could not be loaded has no tests to fail, and a hook around them is none of them.
      if (!states.includes('failed') && module.state() === 'failed') count.failed += 1;
    }
    // The default reporter still has its own summary to write.
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    process.on('exit', () =>
      process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`),
    );
  }
}
