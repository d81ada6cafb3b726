import { parseArgs } from 'node:util';
import { MEASUREMENT_NAMES, type MeasurementName } from './measurements.js';
import { DIRECT } from './peers/direct.js';

/** A built program that is measured as a peer. */
export interface Program {
  readonly name: string;
  /** Its `main.js`. */
  readonly file: string;
}

/** What the command line asks for. */
export interface Options {
  readonly only: readonly MeasurementName[];
  readonly rounds: number;
  /** Length of each measured window. */
  readonly seconds: number;
  readonly programs: readonly Program[];
  /** Where the results are written as JSON; null for nowhere. */
  readonly json: string | null;
  readonly help: boolean;
}

/** A command line that cannot be understood; the message says why. */
export class UsageError extends Error {}

const MOST_ROUNDS = 100;
const MOST_SECONDS = 60;

export const HELP = `Measures the relay against a direct connection to the same endpoint.

  npm run bench -- [--only NAMES] [--rounds N] [--seconds S] [--program NAME=FILE]… [--json FILE]

  --only NAMES         some of ${MEASUREMENT_NAMES.join(', ')}; all of them otherwise
  --rounds N           how often each is measured, every peer once a round (5)
  --seconds S          how long each time (1)
  --program NAME=FILE  a built main.js to measure; several are measured side by side (portable=dist/main.js)
  --json FILE          writes settings and every round's figures there, too
`;

/**
 * Reads the arguments behind the program's name.
 *
 * @param program the built program that is measured where none is named.
 * @throws UsageError for the first one that is wrong.
 */
export function parseOptions(argv: readonly string[], program: string): Options {
  const values = readArguments(argv);
  return {
    only: values.only === undefined ? MEASUREMENT_NAMES : measurementNames(values.only),
    rounds: numberWithin('rounds', values.rounds ?? '5', 1, MOST_ROUNDS, true),
    seconds: numberWithin('seconds', values.seconds ?? '1', 0.1, MOST_SECONDS, false),
    programs: programs(values.program ?? [`portable=${program}`]),
    json: values.json ?? null,
    help: values.help ?? false,
  };
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        program: { type: 'string', multiple: true },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function measurementNames(text: string): readonly MeasurementName[] {
  return text.split(',').map((name) => {
    const known = MEASUREMENT_NAMES.find((candidate) => candidate === name.trim());
    if (known !== undefined) return known;
    throw new UsageError(`--only: there is no "${name.trim()}"; there are ${MEASUREMENT_NAMES.join(', ')}`);
  });
}

function numberWithin(flag: string, text: string, least: number, most: number, whole: boolean): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(
    `--${flag}: "${text}" is not a ${whole ? 'whole ' : ''}number from ${least} to ${most}`,
  );
}

function programs(texts: readonly string[]): readonly Program[] {
  const named = texts.map((text) => {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || file === undefined) {
      throw new UsageError(`--program: "${text}" is not NAME=FILE`);
    }
    if (name === DIRECT.name)
      throw new UsageError(`--program: "${name}" is what the others are compared with`);
    return { name, file };
  });
  const twice = named.find(({ name }, index) => named.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new UsageError(`--program: "${twice.name}" is named twice`);
  return named;
}
