import { isOneOf } from './one-of.js';
import { parsePorts } from './ports.js';
import { NotImitated, Refusal } from './refusal.js';
import {
  ADDRESS_TYPES,
  type AddressType,
  BRIDGE_PASSAGES,
  type BridgePassage,
  CONNECTION_STATES,
  type Condition,
  type ConnectionState,
  type Match,
  type MatchName,
  type PortRange,
} from './rule.js';

/** What an option of a match or a target is given. */
export interface OptionReading {
  readonly not: boolean;
  /** The word behind the option. */
  readonly value: () => string;
}

/** A match or a target whose options are being read. */
export interface PartBuilder<T> {
  readonly name: string;
  /** False where it has no such option. */
  readonly option: (name: string, reading: OptionReading) => boolean;
  /** @throws Refusal where an option that must be there is not. */
  readonly finish: () => T;
}

type MatchBuilder = PartBuilder<Match>;

/** The most ports of one `multiport` match (`XT_MULTI_PORTS`): a range counts as two. */
const MOST_PORTS = 15;

/** What the kernel keeps of a comment (`XT_MAX_COMMENT_LEN`, less the final zero). */
const LONGEST_COMMENT = 255;

/** Adds the options of `-m NAME`. */
export function matchBuilder(name: MatchName): MatchBuilder {
  switch (name) {
    case 'comment':
      return comment();
    case 'tcp':
    case 'udp':
      return transport(name);
    case 'multiport':
      return multiport();
    case 'addrtype':
      return addrtype();
    case 'state':
    case 'conntrack':
      return connectionState(name);
    case 'physdev':
      return physdev();
    case 'mark':
      return mark();
  }
}

/** The one value of an option that may be given once. */
function once<T>(
  match: string,
  option: string,
): { set: (value: T) => true; get: () => T | null; need: () => T } {
  let given: T | null = null;
  return {
    set: (value) => {
      if (given !== null) throw new Refusal('usage', `${match}: option "${option}" can only be used once.\n`);
      given = value;
      return true;
    },
    get: () => given,
    need: () => {
      if (given === null) throw new Refusal('usage', `${match}: option "${option}" must be specified\n`);
      return given;
    },
  };
}

function comment(): MatchBuilder {
  const text = once<string>('comment', '--comment');
  return {
    name: 'comment',
    option: (name, { value }) => name === '--comment' && text.set(value().slice(0, LONGEST_COMMENT)),
    finish: () => ({ kind: 'comment', text: text.need() }),
  };
}

function transport(kind: 'tcp' | 'udp'): MatchBuilder {
  const source = once<Condition<PortRange>>(kind, '--source-port');
  const destination = once<Condition<PortRange>>(kind, '--destination-port');
  return {
    name: kind,
    option: (name, { not, value }) => {
      if (name === '--sport' || name === '--source-port')
        return source.set({ value: parsePorts(value()), not });
      if (name === '--dport' || name === '--destination-port')
        return destination.set({ value: parsePorts(value()), not });
      return false;
    },
    finish: () => ({ kind, source: source.get(), destination: destination.get() }),
  };
}

const MULTIPORT_SIDES: ReadonlyMap<string, 'sports' | 'dports' | 'ports'> = new Map([
  ['--sports', 'sports'],
  ['--source-ports', 'sports'],
  ['--dports', 'dports'],
  ['--destination-ports', 'dports'],
  ['--ports', 'ports'],
]);

function multiport(): MatchBuilder {
  let given: Extract<Match, { kind: 'multiport' }> | null = null;
  return {
    name: 'multiport',
    option: (name, { not, value }) => {
      const side = MULTIPORT_SIDES.get(name);
      if (side === undefined) return false;
      if (given !== null) throw new Refusal('usage', 'multiport: only one of the port options is allowed');
      given = { kind: 'multiport', side, ports: { value: value().split(',').map(parseMultiport), not } };
      return true;
    },
    finish: () => {
      if (given === null) throw new Refusal('usage', 'multiport expection an option');
      const slots = given.ports.value.reduce((sum, { first, last }) => sum + (first === last ? 1 : 2), 0);
      if (slots > MOST_PORTS) throw new Refusal('usage', 'too many ports specified');
      return given;
    },
  };
}

function parseMultiport(text: string): PortRange {
  if (text.startsWith(':') || text.endsWith(':')) throw new NotImitated(`an open range of ports: ${text}`);
  if (!text.includes(':')) return parsePorts(text);
  const [first = '', last = ''] = text.split(':');
  const range = { first: parsePorts(first).first, last: parsePorts(last).first };
  if (range.first >= range.last) throw new Refusal('usage', 'invalid portrange specified');
  return range;
}

function addrtype(): MatchBuilder {
  const source = once<Condition<readonly AddressType[]>>('addrtype', '--src-type');
  const destination = once<Condition<readonly AddressType[]>>('addrtype', '--dst-type');
  return {
    name: 'addrtype',
    option: (name, { not, value }) => {
      if (name === '--src-type') return source.set({ value: parseTypes(value()), not });
      return name === '--dst-type' && destination.set({ value: parseTypes(value()), not });
    },
    finish: () => {
      if (source.get() === null && destination.get() === null)
        throw new Refusal('usage', 'addrtype: you must specify --src-type or --dst-type');
      return { kind: 'addrtype', source: source.get(), destination: destination.get() };
    },
  };
}

function parseTypes(text: string): readonly AddressType[] {
  const given = text.toUpperCase().split(',');
  for (const type of given)
    if (!isOneOf(ADDRESS_TYPES, type)) throw new NotImitated(`the address type ${type}`);
  return ADDRESS_TYPES.filter((type) => given.includes(type));
}

function connectionState(kind: 'state' | 'conntrack'): MatchBuilder {
  const option = kind === 'state' ? '--state' : '--ctstate';
  const states = once<Condition<readonly ConnectionState[]>>(kind, option);
  return {
    name: kind,
    option: (name, { not, value }) =>
      name === option && states.set({ value: parseStates(value(), kind), not }),
    finish: () => {
      if (kind === 'conntrack' && states.get() === null)
        throw new Refusal('usage', 'conntrack: At least one option is required');
      return { kind, states: states.need() };
    },
  };
}

function parseStates(text: string, match: 'state' | 'conntrack'): readonly ConnectionState[] {
  const given = text.toUpperCase().split(',');
  for (const state of given) {
    const isKnown = isOneOf(CONNECTION_STATES, state) && (match === 'conntrack' || !state.endsWith('NAT'));
    if (!isKnown) throw new Refusal('usage', `Bad state "${state}"`);
  }
  return CONNECTION_STATES.filter((state) => given.includes(state));
}

function physdev(): MatchBuilder {
  const given = new Map<BridgePassage, boolean>();
  return {
    name: 'physdev',
    option: (name, { not }) => {
      const passage = name.replace('--physdev-', '');
      if (!name.startsWith('--physdev-') || !isOneOf(BRIDGE_PASSAGES, passage)) return false;
      given.set(passage, not);
      return true;
    },
    finish: () => {
      if (given.size === 0) throw new Refusal('usage', 'PHYSDEV: no physdev option specified');
      const passages = BRIDGE_PASSAGES.flatMap((value) => {
        const not = given.get(value);
        return not === undefined ? [] : [{ value, not }];
      });
      return { kind: 'physdev', passages };
    },
  };
}

function mark(): MatchBuilder {
  const given = once<Condition<{ value: number; mask: number }>>('mark', '--mark');
  return {
    name: 'mark',
    option: (name, { not, value }) => name === '--mark' && given.set({ value: parseMark(value()), not }),
    finish: () => ({ kind: 'mark', mark: given.need() }),
  };
}

/** The mask of a mark that is given without one. */
export const WHOLE_MARK = 0xffff_ffff;

/** `VALUE` or `VALUE/MASK`, each as C writes it: `16`, `0x10`, `020`. */
export function parseMark(text: string): { value: number; mask: number } {
  const [value = '', mask] = text.split('/');
  return { value: parseNumber(value), mask: mask === undefined ? WHOLE_MARK : parseNumber(mask) };
}

export function parseNumber(text: string): number {
  const number = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (!/^(0x[\da-f]+|\d+)$/i.test(text) || number > WHOLE_MARK) throw new NotImitated(`the number ${text}`);
  return number;
}
