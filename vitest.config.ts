import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['spec/**/*.spec.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Two cores are the reference machine: more files at once only make deadlines noisy.
    maxWorkers: 2,
    reporters: ['default', './spec/support/closing-line-reporter.ts'],
  },
});
