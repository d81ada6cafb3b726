import { setImmediate as nextTurn } from 'node:timers/promises';
import { isSourceChain } from './source-chains.js';
import { emptySets, type TableContent } from './table-content.js';
import { SET_NAMES, type TableOutline } from './table-outline.js';

/** Lines that are read in one turn of the event loop: a few milliseconds. */
const SLICE = 4096;

/** What a rule with a counter has counted. */
export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/** What was sent straight to portals, by protocol. */
export type RefusedCounts = Readonly<Record<'tcp' | 'udp', Counted>>;

export const NOTHING_COUNTED: RefusedCounts = {
  tcp: { packets: 0, bytes: 0 },
  udp: { packets: 0, bytes: 0 },
};

/** A table of ours as it is in the kernel. */
export interface ListedTable {
  readonly outline: TableOutline;
  readonly content: TableContent;
  readonly refused: RefusedCounts;
}

const BLOCK = /^\t(map|set|chain) ([\w.-]+) \{$/;
const ELEMENT = /^(6|17|tcp|udp) \. ([\da-f.:]+ \. \d+|\d+)(?: : (.+))?$/;
const COUNTER = /\bcounter packets \d+ bytes \d+/;

/**
 * Reads what `nft -nn list table` prints. Everything that is not elements or chains of sources is part of the outline, as
 * it stands, but for what is counted.
 *
 * @returns null where the text has anything else in it than a table of ours may have.
 */
export async function parseListedTable(text: string): Promise<ListedTable | null> {
  const reader = new TableReader();
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (!reader.read(line)) return null;
    if (index % SLICE === SLICE - 1) await nextTurn();
  }
  return reader.table(refusedCounts(text));
}

/** The counts of the two rules that guard the portals; nothing where the text has no such rules. */
export function refusedCounts(text: string): RefusedCounts {
  const counted = (protocol: 'tcp' | 'udp'): Counted => {
    const rule = new RegExp(`\\b${protocol} dport @portals counter packets (\\d+) bytes (\\d+)`).exec(text);
    return { packets: Number(rule?.[1] ?? 0), bytes: Number(rule?.[2] ?? 0) };
  };
  return { tcp: counted('tcp'), udp: counted('udp') };
}

class TableReader {
  readonly #outline = new Map<string, string[]>();
  readonly #sets = emptySets();
  readonly #sourceChains = new Map<string, string[]>();
  #isOpen = false;
  #isClosed = false;
  /** The lines of the block that is being read. */
  #lines: string[] | null = null;
  #setName = '';
  #isInElements = false;

  /** Whether it is a line that such a table may have. */
  read(line: string): boolean {
    if (line === '') return true;
    if (this.#isClosed) return false;
    if (!this.#isOpen) {
      this.#isOpen = /^table ip6? kube-splice \{$/.test(line);
      return this.#isOpen;
    }
    if (this.#lines === null) return this.#begin(line);
    if (this.#isInElements) return this.#readElements(line);
    if (line === '\t}') {
      this.#lines = null;
      return true;
    }
    if (line.startsWith('\t\telements = {')) {
      this.#isInElements = true;
      return this.#readElements(line.slice('\t\telements = {'.length));
    }
    if (!line.startsWith('\t\t')) return false;
    this.#lines.push(line.trim().replace(COUNTER, 'counter'));
    return true;
  }

  table(refused: RefusedCounts): ListedTable | null {
    if (!this.#isClosed) return null;
    return {
      outline: this.#outline,
      content: { sets: this.#sets, sourceChains: this.#sourceChains },
      refused,
    };
  }

  #begin(line: string): boolean {
    if (line === '}') {
      this.#isClosed = true;
      return true;
    }
    const [, kind = '', name = ''] = BLOCK.exec(line) ?? [];
    if (kind === '') return false;
    this.#setName = name;
    this.#lines = [];
    if (kind === 'chain' && isSourceChain(name)) this.#sourceChains.set(name, this.#lines);
    else this.#outline.set(`${kind} ${name}`, this.#lines);
    return true;
  }

  #readElements(line: string): boolean {
    const end = line.indexOf('}');
    const name = SET_NAMES.find((known) => known === this.#setName);
    if (name === undefined) return false;
    this.#isInElements = end === -1;
    for (const part of (end === -1 ? line : line.slice(0, end)).split(',')) {
      const element = part.trim();
      if (element === '') continue;
      const [whole, protocol = '', rest = '', value = ''] = ELEMENT.exec(element) ?? [];
      if (whole === undefined) return false;
      this.#sets[name].set(`${NUMBERS[protocol] ?? protocol} . ${rest}`, value);
    }
    return true;
  }
}

/** Some releases of nft print the names, also with `-nn`. */
const NUMBERS: Readonly<Record<string, string>> = { tcp: '6', udp: '17' };
