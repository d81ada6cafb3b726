import { parseArgs } from 'node:util';
import { UsageError } from '../options.js';
import { PACKET_FILTERS, type PacketFilter } from './steering/packet-filter.js';

/** What can be left out of a run: the cluster up to the portals, packet rules alone, the program that steers. */
export type SyncPart = 'portals' | 'rules' | 'starts';

export const SYNC_PARTS: readonly SyncPart[] = ['portals', 'rules', 'starts'];

/** What the command line asks for. */
export interface SyncOptions {
  readonly only: readonly SyncPart[];
  /** How many Services the cluster has, one run each. */
  readonly sizes: readonly number[];
  /** How many Services there are packet rules for, one run each. */
  readonly steeredSizes: readonly number[];
  /** How often the program is started with each. */
  readonly starts: number;
  /** How many changes are timed, alone and beside others. */
  readonly repetitions: number;
  /** What packet rules are written with. */
  readonly filters: readonly PacketFilter[];
  /** How often rules are written from nothing, and how often checked. */
  readonly loads: number;
  /** How many Services change while their rules are timed, each in every way. */
  readonly changes: number;
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

  npm run bench:sync -- [--only PARTS] [--services N,N…] [--starts N] [--repetitions N] [--steering FILTERS]
                        [--loads N] [--changes N] [--program FILE] [--json FILE]

  --only PARTS        some of ${SYNC_PARTS.join(', ')}; all of them otherwise:
                      portals  from the cluster to the portals, without packet rules
                      rules    packet rules alone, beside the program that writes them (root)
                      starts   the program from its start to its last packet rule (root)
  --services N,N…     sizes of the cluster, ten endpoints to a Service (10,100,10000; with packet rules 1000,10000)
  --starts N          how often the program is started with each (3)
  --repetitions N     how many changes are timed, alone and beside others (300)
  --steering FILTERS  what packet rules are written with, some of ${PACKET_FILTERS.join(', ')}; all of them otherwise
  --loads N           how often packet rules are written from nothing, and how often they are checked (5)
  --changes N         how many Services change while packet rules are timed, each in every way (10)
  --program FILE      the built main.js that is measured (dist/main.js)
  --json FILE         writes every figure there, too
`;

/**
 * Reads the arguments behind the program's name.
 *
 * @param program the built program that is measured where none is named.
 * @throws UsageError for the first one that is wrong.
 */
export function parseSyncOptions(argv: readonly string[], program: string): SyncOptions {
  const values = readArguments(argv);
  return {
    only: someOf('only', values.only, SYNC_PARTS),
    sizes: sizes(values.services ?? '10,100,10000'),
    steeredSizes: sizes(values.services ?? '1000,10000'),
    starts: wholeNumber('starts', values.starts ?? '3', 1, 100),
    repetitions: wholeNumber('repetitions', values.repetitions ?? '300', 1, 100_000),
    filters: someOf('steering', values.steering, PACKET_FILTERS),
    loads: wholeNumber('loads', values.loads ?? '5', 1, 100),
    changes: wholeNumber('changes', values.changes ?? '10', 1, 1_000),
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
        only: { type: 'string' },
        services: { type: 'string' },
        starts: { type: 'string' },
        repetitions: { type: 'string' },
        steering: { type: 'string' },
        loads: { type: 'string' },
        changes: { type: 'string' },
        program: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** All of them where nothing is said; else those named, in the order in which they are known. */
function someOf<Name extends string>(
  flag: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (text === undefined) return known;
  const named = text.split(',').map((name) => name.trim());
  const unknown = named.find((name) => !known.some((each) => each === name));
  if (unknown !== undefined)
    throw new UsageError(`--${flag}: there is no "${unknown}"; there are ${known.join(', ')}`);
  return known.filter((name) => named.includes(name));
}

function sizes(text: string): readonly number[] {
  return text.split(',').map((size) => wholeNumber('services', size, FEWEST_SERVICES, MOST_SERVICES));
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`--${flag}: "${text}" is not a whole number from ${least} to ${most}`);
}
