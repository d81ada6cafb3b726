import { join } from 'node:path';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

/** The specs that run the native relay itself, but for the one that measures time. */
const NATIVE_SPECS = [
  'spec/relay/native/native-relay.spec.ts',
  'spec/relay/native/protocol.spec.ts',
  'spec/relay/native/privileges.spec.ts',
  'spec/relay/native/independence.spec.ts',
  'spec/relay/native/service-notify.spec.ts',
  'spec/relay/native/endpoint-sockets.spec.ts',
  'spec/relay/native/hand-over.spec.ts',
  'spec/relay/native/hand-over-ends.spec.ts',
];
/** A minute of this is for the sanitizer that also sees what is freed too early. */
const STRESS_SPEC = 'spec/relay/native/stress.spec.ts';
const SANITIZER_SPECS: Readonly<Record<string, readonly string[]>> = {
  asan: [...NATIVE_SPECS, STRESS_SPEC],
  tsan: NATIVE_SPECS,
};

/**
 * `scripts/test` names the sanitizers here whose build of the native relay runs on this machine: after all specs, its own
 * are run again with each. One run of vitest has them all, so that its last line counts them all.
 */
const sanitizers = (process.env.KUBE_SPLICE_SANITIZERS ?? '').split(',').filter((name) => name !== '');

function sanitizerProject(name: string, index: number): TestProjectConfiguration {
  return {
    extends: true,
    test: {
      name,
      include: [...(SANITIZER_SPECS[name] ?? [])],
      setupFiles: ['./spec/support/sanitizer-reports.ts'],
      env: {
        KUBE_SPLICE_RELAY: join(import.meta.dirname, 'native', 'build', name, 'kube-splice-relay'),
        KUBE_SPLICE_STRESS_SECONDS: '60',
      },
      testTimeout: 60_000,
      hookTimeout: 60_000,
      sequence: { groupOrder: index + 1 },
    },
  };
}

const ALL_SPECS = { include: ['spec/**/*.spec.ts'] };
const projects: TestProjectConfiguration[] = [
  { extends: true, test: { ...ALL_SPECS, name: 'specs', sequence: { groupOrder: 0 } } },
  ...sanitizers.map(sanitizerProject),
];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Two cores are the reference machine: more files at once only make deadlines noisy.
    maxWorkers: 2,
    reporters: ['default', './spec/support/closing-line-reporter.ts'],
    ...(sanitizers.length > 0 ? { projects } : ALL_SPECS),
  },
});
