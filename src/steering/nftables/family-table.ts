import type { IPFamily } from '../../model/address.js';
import type { PastRedirect, Redirect } from '../steering.js';
import { FAMILY_WORDS, TABLE } from './family-words.js';
import {
  type ListedTable,
  NOTHING_COUNTED,
  parseListedTable,
  type RefusedCounts,
  refusedCounts,
} from './listed-table.js';
import type { NftProgram } from './nft-program.js';
import { pastRedirects } from './past-redirects.js';
import { difference, removing, rewriting } from './table-commands.js';
import { contentOf, differingParts } from './table-content.js';
import type { TableOutline } from './table-outline.js';
import type { WantedContent } from './wanted-table.js';

/** A table as it should be; null where there is to be none. */
export type Desired = { readonly outline: TableOutline; readonly content: WantedContent } | null;

/** What is to be done, and what is known once it is. */
export interface Plan {
  /** Empty where nothing is to be done. */
  readonly commands: string;
  /** The table is printed otherwise than it was written: how, is to be learned once it is written anew. */
  readonly isToBeLearned: boolean;
}

const NOTHING_TO_DO: Plan = { commands: '', isToBeLearned: false };

/** The table of one family, and what is known of it. */
export class FamilyTable {
  /** What the kernel holds; undefined where that is not known. */
  #known: Desired | undefined;
  /** Whether it was there when that was last known. */
  #isThere = false;
  /** How the table with this outline is printed, where that is not as it was written: another release of nft. */
  #printed: { readonly written: TableOutline; readonly printed: TableOutline } | null = null;

  constructor(
    readonly family: IPFamily,
    private readonly nft: NftProgram,
  ) {}

  /** What its rules have refused; null where it is not there. */
  async refused(): Promise<RefusedCounts | null> {
    if (!this.#isThere) return null;
    const text = await this.nft.list(`chain ${FAMILY_WORDS[this.family].table} ${TABLE} filter-input`);
    return text === null ? null : refusedCounts(text);
  }

  /** Where the table that is there sends traffic. */
  async past(): Promise<readonly PastRedirect[]> {
    const text = await this.nft.list(`table ${FAMILY_WORDS[this.family].table} ${TABLE}`);
    const listed = text === null ? null : await parseListedTable(text);
    return listed === null ? [] : pastRedirects(listed.content);
  }

  /**
   * The elements of this redirect that the table has, as far as is known, such as
   * `table ip kube-splice: map services: 6 . 10.0.0.1 . 80 : 40123`, and the rules of its sources.
   */
  rulesOf(redirect: Redirect): readonly string[] {
    const part = this.#known?.content.parts.get(redirect);
    if (part === undefined) return [];
    const table = `table ${FAMILY_WORDS[this.family].table} ${TABLE}`;
    const { elements, limit } = part;
    return [
      ...elements.map(({ set, key, value }) => `${table}: map ${set}: ${key} : ${value}`),
      ...(limit?.rules ?? []).map((rule) => `${table}: chain ${limit?.name}: ${rule}`),
    ];
  }

  /** @returns null where the kernel has to be read first. */
  async planChanges(desired: Desired): Promise<Plan | null> {
    const known = this.#known;
    if (known === undefined) return null;
    if (desired === null) return known === null ? NOTHING_TO_DO : this.#removal();
    if (known === null) return this.#creation(desired);
    if (!areEqual(known.outline, desired.outline)) return null;
    const { before, after } = differingParts(known.content, desired.content);
    const commands = await difference(this.family, await contentOf(before), await contentOf(after));
    return { commands, isToBeLearned: false };
  }

  /** @param isMistrusted what differs is written whole: a difference was refused. */
  async planEverything(desired: Desired, isMistrusted: boolean): Promise<Plan> {
    if (desired === null && this.#known === null) return NOTHING_TO_DO;
    const text = await this.nft.list(`table ${FAMILY_WORDS[this.family].table} ${TABLE}`);
    if (desired === null) return text === null ? NOTHING_TO_DO : this.#removal();
    if (text === null) return this.#creation(desired);
    const listed = await parseListedTable(text);
    const refused = listed?.refused ?? NOTHING_COUNTED;
    if (listed === null || !this.#isPrinted(listed.outline, desired.outline))
      return { commands: await this.#rewriting(desired, refused), isToBeLearned: true };
    const commands = await difference(this.family, listed.content, await contentOf(desired.content));
    if (commands === '' || !isMistrusted) return { commands, isToBeLearned: false };
    return { commands: await this.#rewriting(desired, refused), isToBeLearned: false };
  }

  /** A plan for this has been carried out. */
  async settle(desired: Desired, { isToBeLearned }: Plan): Promise<void> {
    this.#known = desired;
    this.#isThere = desired !== null;
    if (isToBeLearned && desired !== null) await this.#learn(desired.outline);
  }

  /** It has been removed. */
  settleRemoved(): void {
    this.#known = null;
    this.#isThere = false;
  }

  /** What the kernel holds is not known any more. */
  forget(): void {
    this.#known = undefined;
  }

  #removal(): Plan {
    return { commands: removing(this.family), isToBeLearned: false };
  }

  async #creation(desired: NonNullable<Desired>): Promise<Plan> {
    return { commands: await this.#rewriting(desired, NOTHING_COUNTED), isToBeLearned: false };
  }

  async #rewriting({ outline, content }: NonNullable<Desired>, refused: RefusedCounts): Promise<string> {
    return rewriting(this.family, outline, await contentOf(content), refused);
  }

  #isPrinted(listed: TableOutline, written: TableOutline): boolean {
    if (areEqual(listed, written)) return true;
    const known = this.#printed;
    return known !== null && areEqual(known.written, written) && areEqual(known.printed, listed);
  }

  /** It was written a moment ago: whatever is printed of it now is how this release prints it. */
  async #learn(written: TableOutline): Promise<void> {
    const text = await this.nft.list(`table ${FAMILY_WORDS[this.family].table} ${TABLE}`);
    const listed: ListedTable | null = text === null ? null : await parseListedTable(text);
    if (listed !== null && haveSameShape(listed.outline, written))
      this.#printed = { written, printed: listed.outline };
  }
}

function areEqual(a: TableOutline, b: TableOutline): boolean {
  return (
    a.size === b.size && [...a].every(([header, lines]) => lines.join('\n') === b.get(header)?.join('\n'))
  );
}

/** The same chains with as many rules, and the same sets: what was taken away since it was written is not learned. */
function haveSameShape(listed: TableOutline, written: TableOutline): boolean {
  if (listed.size !== written.size) return false;
  return [...written].every(
    ([header, lines]) =>
      listed.has(header) && (!header.startsWith('chain ') || listed.get(header)?.length === lines.length),
  );
}
