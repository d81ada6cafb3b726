import { parseArgs } from 'node:util';
import { UsageError } from '../options.js';

/** What the command line asks for. */
export interface SyncOptions {
  /** How many Services the cluster has, one run each. */
  readonly sizes: readonly number[];
  /** How often the program is started with each. */
  readonly starts: number;
  /** How many changes are timed, alone and beside others. */
  readonly repetitions: number;
  /** The built program's `main.js`. */
  readonly program: string;
  /** Where the results are written as JSON; null for nowhere. */
  readonly json: string | null;
  readonly help: boolean;
}

/** Half of the Services are probed, half change beside: so there are two at least. */
const FEWEST_SERVICES = 2;
/** Each has an address of its own in the pods' 10.0.0.0/8, and one open file. */
const MOST_SERVICES = 12_000;

export const SYNC_HELP = `Measures how fast a cluster's Services and endpoints come to effect, and what that costs.

  npm run bench:sync -- [--services N,N…] [--starts N] [--repetitions N] [--program FILE] [--json FILE]

  --services N,N…   sizes of the cluster, ten endpoints to a Service (10,100,10000)
  --starts N        how often the program is started with each (3)
  --repetitions N   how many changes are timed, alone and beside others (300)
  --program FILE    the built main.js that is measured (dist/main.js)
  --json FILE       writes every figure there, too
`;

/**
 * Reads the arguments behind the program's name.
 *
 * @param program the built program that is measured where none is named.
 * @throws UsageError for the first one that is wrong.
 */
export function parseSyncOptions(argv: readonly string[], program: string): SyncOptions {
  const values = readArguments(argv);
  const sizes = (values.services ?? '10,100,10000').split(',');
  return {
    sizes: sizes.map((text) => wholeNumber('services', text, FEWEST_SERVICES, MOST_SERVICES)),
    starts: wholeNumber('starts', values.starts ?? '3', 1, 100),
    repetitions: wholeNumber('repetitions', values.repetitions ?? '300', 1, 100_000),
    program: values.program ?? program,
    json: values.json ?? null,
    help: values.help ?? false,
  };
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        services: { type: 'string' },
        starts: { type: 'string' },
        repetitions: { type: 'string' },
        program: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`--${flag}: "${text}" is not a whole number from ${least} to ${most}`);
}
