import { parseArgs } from 'node:util';
import { MEASUREMENT_NAMES, type MeasurementName } from './measurements.js';
import { DIRECT } from './peers/direct.js';

/** All that can be named; `native-2` is the native relay with as many threads as it takes by itself. */
export const PEER_NAMES = ['native', 'native-2', 'portable', 'haproxy', 'nginx'] as const;

export type PeerName = (typeof PEER_NAMES)[number];

/** Those that are measured where none is named, besides the direct connection; each is left out where it is missing. */
const USUAL_PEERS: readonly PeerName[] = ['native', 'portable', 'haproxy', 'nginx'];

/** What may be said for the name of a measurement, too. */
const ALIASES: Readonly<Record<string, MeasurementName>> = { 'tcp-stream': 'tcp-bulk' };

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
  readonly peers: readonly PeerName[];
  /** More of them, with the portable relay. */
  readonly programs: readonly Program[];
  /** More of them, with another native relay each. */
  readonly relayPrograms: readonly Program[];
  /** Directory that table, figures and chart are written to. */
  readonly out: string;
  /** Where the results are written as JSON; null for nowhere. */
  readonly json: string | null;
  readonly help: boolean;
}

/** A command line that cannot be understood; the message says why. */
export class UsageError extends Error {}

const MOST_ROUNDS = 100;
const MOST_SECONDS = 60;

export const HELP = `Measures relays against each other and against a direct connection to the same endpoint.

  npm run bench -- [--only NAMES] [--peers NAMES] [--rounds N] [--seconds S] [--out DIR] [--json FILE]
                   [--program NAME=FILE]… [--relay-program NAME=FILE]…

  --only NAMES              some of ${MEASUREMENT_NAMES.join(', ')}; all of them otherwise (tcp-stream is tcp-bulk)
  --peers NAMES             some of ${PEER_NAMES.join(', ')}; otherwise all that are there but native-2,
                            which is native with as many threads as it takes by itself;
                            direct, the connection without a peer, is always there and may be named, too
  --rounds N                how often each is measured, every peer once a round (5)
  --seconds S               how long each time (1)
  --program NAME=FILE       one more peer: a built main.js, with the portable relay
  --relay-program NAME=FILE one more peer: a built native relay; native=FILE instead of native/build/kube-splice-relay
  --out DIR                 where latest.json, latest.md and latest.svg are written (bench/results)
  --json FILE               writes settings and every round's figures there, too
`;

/**
 * Reads the arguments behind the program's name.
 *
 * @throws UsageError for the first one that is wrong.
 */
export function parseOptions(argv: readonly string[]): Options {
  const values = readArguments(argv);
  const programs = namedFiles('program', values.program ?? [], PEER_NAMES);
  const relayTaken = [...PEER_NAMES.filter((name) => name !== 'native'), ...programs.map(({ name }) => name)];
  return {
    only:
      values.only === undefined ? MEASUREMENT_NAMES : listed('only', values.only, MEASUREMENT_NAMES, ALIASES),
    rounds: numberWithin('rounds', values.rounds ?? '5', 1, MOST_ROUNDS, true),
    seconds: numberWithin('seconds', values.seconds ?? '1', 0.1, MOST_SECONDS, false),
    peers: values.peers === undefined ? USUAL_PEERS : listedPeers(values.peers),
    programs,
    relayPrograms: namedFiles('relay-program', values['relay-program'] ?? [], relayTaken),
    out: values.out ?? 'bench/results',
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
        peers: { type: 'string' },
        program: { type: 'string', multiple: true },
        'relay-program': { type: 'string', multiple: true },
        out: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function listed<Name extends string>(
  flag: string,
  text: string,
  names: readonly Name[],
  aliases: Readonly<Record<string, Name>> = {},
): readonly Name[] {
  const found = text.split(',').map((word) => {
    const name = word.trim();
    const known = names.find((candidate) => candidate === name) ?? aliases[name];
    if (known !== undefined) return known;
    throw new UsageError(`--${flag}: there is no "${name}"; there are ${names.join(', ')}`);
  });
  return [...new Set(found)];
}

/** A direct connection is measured in any case: to name it asks for nothing more. */
function listedPeers(text: string): readonly PeerName[] {
  const isDirect = (word: string): boolean => word.trim() === DIRECT.name;
  const words = text.split(',').filter((word) => !isDirect(word));
  return words.length === 0 ? [] : listed('peers', words.join(','), PEER_NAMES);
}

function numberWithin(flag: string, text: string, least: number, most: number, whole: boolean): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(
    `--${flag}: "${text}" is not a ${whole ? 'whole ' : ''}number from ${least} to ${most}`,
  );
}

function namedFiles(flag: string, texts: readonly string[], taken: readonly string[]): readonly Program[] {
  const named = texts.map((text) => {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || file === undefined)
      throw new UsageError(`--${flag}: "${text}" is not NAME=FILE`);
    if (name === DIRECT.name) {
      throw new UsageError(`--${flag}: "${name}" is what the others are compared with`);
    }
    if (taken.includes(name)) throw new UsageError(`--${flag}: "${name}" is another peer's name`);
    return { name, file };
  });
  const twice = named.find(({ name }, index) => named.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new UsageError(`--${flag}: "${twice.name}" is named twice`);
  return named;
}
