import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

interface Route {
  readonly route: readonly string[];
  readonly affinitySeconds?: number;
  readonly at?: number;
}
interface Pick {
  readonly pick: string;
  readonly at?: number;
  readonly tried?: readonly string[];
  readonly expect: string | null;
}
interface Forget {
  readonly forget: string;
  readonly endpoint: string;
}
interface Failed {
  readonly failed: string;
  readonly at?: number;
}
interface Succeeded {
  readonly succeeded: string;
  readonly at?: number;
}
interface Silent {
  readonly silent: string;
  readonly since: number;
}
type Step = Route | Pick | Forget | Failed | Succeeded | Silent;
interface Vector {
  readonly name: string;
  readonly random?: number;
  readonly steps: readonly Step[];
}

const ROOT = join(import.meta.dirname, '../../..');
const NATIVE = join(ROOT, 'native');
const PROGRAM = join(NATIVE, 'build/balancer-vectors');
const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(join(ROOT, 'spec/vectors/balancer.json'), 'utf8'),
) as readonly Vector[];
const NO_COMPILER = [process.env.CXX ?? 'g++', 'make'].some(
  (program) => spawnSync(program, ['--version']).status !== 0,
);

function lineOf(step: Step): string {
  if ('route' in step) return ['route', step.affinitySeconds ?? 0, step.at ?? 0, ...step.route].join(' ');
  if ('pick' in step) return ['pick', step.pick, step.at ?? 0, ...(step.tried ?? [])].join(' ');
  if ('failed' in step) return `failed ${step.failed} ${step.at ?? 0}`;
  if ('succeeded' in step) return `succeeded ${step.succeeded} ${step.at ?? 0}`;
  if ('silent' in step) return `silent ${step.silent} ${step.since}`;
  return `forget ${step.forget} ${step.endpoint}`;
}

/** What the program answers to each pick. */
function picksOf({ random = 0, steps }: Vector): readonly (string | null)[] {
  const input = [`new ${random}`, ...steps.map(lineOf), ''].join('\n');
  const lines = execFileSync(PROGRAM, { input, encoding: 'utf8' }).split('\n').slice(0, -1);
  return lines.map((line) => (line === '-' ? null : line));
}

describe.skipIf(NO_COMPILER)(
  "the native relay's balancer (skipped where there is no C++ compiler, or no make)",
  () => {
    beforeAll(() => {
      execFileSync('make', ['-s', '-C', NATIVE, 'vectors']);
    }, 60_000);

    it.each(VECTORS)('$name', (vector) => {
      const expected = vector.steps.flatMap((step) => ('pick' in step ? [step.expect] : []));
      expect(picksOf(vector)).toEqual(expected);
    });

    it('serves every endpoint equally often, however many threads pick and however often it is routed', () => {
      const { status, stdout } = spawnSync(PROGRAM, ['hammer'], { encoding: 'utf8' });
      expect({ status, lines: stdout.trim().split('\n') }).toEqual({
        status: 0,
        lines: [
          'one set: even',
          'one set, routed again and again: even',
          'endpoints that come and go: all served',
          'one that fails: hardly picked, the others even',
        ],
      });
    }, 60_000);
  },
);
