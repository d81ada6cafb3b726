import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IPFamily } from '../../model/address.js';
import { FAMILY_WORDS, TABLE } from './family-words.js';
import type { RefusedCounts } from './listed-table.js';
import type { Elements, TableContent } from './table-content.js';
import { SET_NAMES, type TableOutline } from './table-outline.js';

/** Elements that are compared in one turn of the event loop: a millisecond or two. */
const SLICE = 8192;

/** Commands that make the whole table anew: in one transaction no packet meets half of it. */
export function rewriting(
  family: IPFamily,
  outline: TableOutline,
  content: TableContent,
  refused: RefusedCounts,
): string {
  const elementsOf = new Map(SET_NAMES.map((name) => [name as string, content.sets[name]]));
  const blocks = [...outline].map(([header, lines]) => {
    const [kind = '', name = ''] = header.split(' ');
    const elements = kind === 'chain' ? undefined : elementsOf.get(name);
    const body = lines.map((line) => counting(line, refused));
    if (elements !== undefined && elements.size > 0) body.push(`elements = { ${elementsText(elements)} }`);
    return block(header, body);
  });
  const sources = [...content.sourceChains].map(([name, rules]) => block(`chain ${name}`, rules));
  const { table } = FAMILY_WORDS[family];
  return `${removing(family)}table ${table} ${TABLE} {\n${[...sources, ...blocks].join('')}}\n`;
}

/** Commands that remove the table, whether there is one or not. */
export function removing(family: IPFamily): string {
  const { table } = FAMILY_WORDS[family];
  return `add table ${table} ${TABLE}\ndelete table ${table} ${TABLE}\n`;
}

/** Commands that make one content of the same table the other; none where they are equal. */
export async function difference(
  family: IPFamily,
  before: TableContent,
  after: TableContent,
): Promise<string> {
  const table = `${FAMILY_WORDS[family].table} ${TABLE}`;
  const deleted: string[] = [];
  const added: string[] = [];
  for (const name of SET_NAMES) {
    const { surplus, missing } = await elementDifference(before.sets[name], after.sets[name]);
    if (surplus.size > 0)
      deleted.push(`delete element ${table} ${name} { ${[...surplus.keys()].join(', ')} }`);
    if (missing.size > 0) added.push(`add element ${table} ${name} { ${elementsText(missing)} }`);
  }
  const { made, removed } = chainDifference(table, before.sourceChains, after.sourceChains);
  // A chain is there before an element leads to it, and as long as one does.
  const commands = [...made, ...deleted, ...added, ...removed];
  return commands.map((command) => `${command}\n`).join('');
}

interface ElementDifference {
  readonly surplus: Elements;
  readonly missing: Elements;
}

async function elementDifference(before: Elements, after: Elements): Promise<ElementDifference> {
  const surplus = new Map<string, string>();
  const missing = new Map<string, string>();
  let compared = 0;
  for (const [key, value] of before) {
    if (after.get(key) !== value) surplus.set(key, value);
    compared += 1;
    if (compared % SLICE === 0) await nextTurn();
  }
  for (const [key, value] of after) {
    if (before.get(key) !== value) missing.set(key, value);
    compared += 1;
    if (compared % SLICE === 0) await nextTurn();
  }
  return { surplus, missing };
}

type Chains = TableContent['sourceChains'];

function chainDifference(
  table: string,
  before: Chains,
  after: Chains,
): { made: string[]; removed: string[] } {
  const made: string[] = [];
  const removed: string[] = [];
  for (const [name, rules] of after) {
    const present = before.get(name);
    if (present !== undefined && present.join('\n') === rules.join('\n')) continue;
    made.push(`add chain ${table} ${name}`);
    if (present !== undefined) made.push(`flush chain ${table} ${name}`);
    for (const rule of rules) made.push(`add rule ${table} ${name} ${rule}`);
  }
  for (const name of before.keys())
    if (!after.has(name)) removed.push(`flush chain ${table} ${name}`, `delete chain ${table} ${name}`);
  return { made, removed };
}

function elementsText(elements: Elements): string {
  return Array.from(elements, ([key, value]) => (value === '' ? key : `${key} : ${value}`)).join(', ');
}

function block(header: string, lines: readonly string[]): string {
  return `\t${header} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

/** What was counted goes on from there in the new table. */
function counting(line: string, refused: RefusedCounts): string {
  const { packets, bytes } = refused[line.includes('udp') ? 'udp' : 'tcp'];
  return line.replace(/\bcounter\b/, `counter packets ${packets} bytes ${bytes}`);
}
