import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Redirect } from '../steering.js';
import { PROTOCOL_NUMBERS } from './family-words.js';
import type { RedirectElements } from './redirect-elements.js';
import { SET_NAMES, type SetName } from './table-outline.js';
import type { WantedContent } from './wanted-table.js';

/** Parts whose elements are put together in one turn of the event loop: a millisecond or two. */
const SLICE = 2048;

/** Key and value of each element as `nft -nn` prints them; the value is empty in a set. */
export type Elements = ReadonlyMap<string, string>;

/** What a table holds beside its outline, element by element. */
export interface TableContent {
  readonly sets: Readonly<Record<SetName, Elements>>;
  /** The rules of each chain of sources, by its name. */
  readonly sourceChains: ReadonlyMap<string, readonly string[]>;
}

/** Sets without an element. */
export function emptySets(): Record<SetName, Map<string, string>> {
  return Object.fromEntries(SET_NAMES.map((name) => [name, new Map()])) as Record<
    SetName,
    Map<string, string>
  >;
}

/** All elements of it. */
export async function contentOf({ parts, portals, sourceChains }: WantedContent): Promise<TableContent> {
  const sets = emptySets();
  let added = 0;
  for (const { elements } of parts.values()) {
    for (const { set, key, value } of elements) sets[set].set(key, value);
    added += 1;
    if (added % SLICE === 0) await nextTurn();
  }
  for (const port of portals)
    sets.portals.set(
      port > 0 ? `${PROTOCOL_NUMBERS.TCP} . ${port}` : `${PROTOCOL_NUMBERS.UDP} . ${-port}`,
      '',
    );
  return { sets, sourceChains };
}

/** What the one has that the other has not, of each of them. Chains of sources are all there: they are few. */
export function differingParts(
  before: WantedContent,
  after: WantedContent,
): { before: WantedContent; after: WantedContent } {
  return { before: without(before, after), after: without(after, before) };
}

function without(content: WantedContent, other: WantedContent): WantedContent {
  const parts = new Map<Redirect, RedirectElements>();
  const portals = new Set<number>();
  for (const [redirect, part] of content.parts) if (!other.parts.has(redirect)) parts.set(redirect, part);
  for (const port of content.portals) if (!other.portals.has(port)) portals.add(port);
  return { parts, portals, sourceChains: content.sourceChains };
}
