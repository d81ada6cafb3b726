import type { CommandResult } from '../../../src/host/command-runner.js';
import type { IPFamily } from '../../../src/model/address.js';
import { parseCommandWords } from './command-words.js';
import { type Lacks, objectionTo } from './kernel-checks.js';
import { type Counters, declare, type OperationContext, operate } from './operations.js';
import { answered, cannotLoad, failed, restoreRefused, type Speaker } from './program-words.js';
import { NO_SUCH_NAME, NotImitated, Refusal } from './refusal.js';
import type { Table } from './rule.js';
import { type CountedRule, emptyTable, type Ruleset, TableDraft } from './ruleset.js';
import { isTable } from './save.js';
import { wordsOfLine } from './words.js';

/** In which world iptables works. */
export interface World {
  readonly family: IPFamily;
  readonly speaker: Speaker;
  readonly ruleset: Ruleset;
  /** What the kernel does without. */
  readonly kernelLacks: Lacks;
  /** What the program does without. */
  readonly programLacks: Lacks;
  readonly lacksTable: (table: Table) => boolean;
}

export interface RestoreFlags {
  readonly noFlush: boolean;
  readonly counters: boolean;
  readonly test: boolean;
  readonly table: string | null;
}

/** As iptables-restore: tables one after another, each whole or not at all. */
export function restore(input: string, flags: RestoreFlags, world: World): CommandResult {
  return new Restoring(input, flags, world).run();
}

class Restoring {
  readonly #lines: readonly string[];
  readonly #context: OperationContext;
  #line = 0;
  #draft: TableDraft | null = null;
  #isSkipped = false;
  #lineOf = new Map<CountedRule, number>();
  #printed = '';

  constructor(
    input: string,
    private readonly flags: RestoreFlags,
    private readonly world: World,
  ) {
    if (input !== '' && !input.endsWith('\n'))
      throw new NotImitated('input that ends without an end of line');
    this.#lines = input.split('\n').slice(0, -1);
    this.#context = operationContext(world);
  }

  run(): CommandResult {
    const { speaker } = this.world;
    try {
      for (const text of this.#lines) {
        this.#line += 1;
        if (text !== '' && !text.startsWith('#') && !this.#read(text))
          return failed(1, `${speaker.name}: line ${this.#line} failed\n`);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const commit = this.#lines.indexOf('COMMIT', this.#line - 1) + 1;
      return restoreRefused(error, speaker, { line: this.#line, commit });
    }
    if (this.#draft !== null || this.#isSkipped)
      return failed(1, `${speaker.name}: COMMIT expected at line ${this.#line + 1}\n`);
    return answered(this.#printed);
  }

  /** False for a line that means nothing where it stands. */
  #read(text: string): boolean {
    if (this.#isSkipped) {
      this.#isSkipped = text !== 'COMMIT';
      return true;
    }
    const draft = this.#draft;
    if (draft === null) {
      if (!text.startsWith('*')) return false;
      this.#begin(text.slice(1).trim());
      return true;
    }
    if (text === 'COMMIT') this.#commit(draft);
    else if (text.startsWith(':')) this.#declare(draft, text.slice(1));
    else this.#change(draft, text);
    return true;
  }

  #begin(name: string): void {
    const { ruleset, lacksTable } = this.world;
    if (!isTable(name) || lacksTable(name)) throw new Refusal('table', name);
    if (this.flags.table !== null && this.flags.table !== name) {
      this.#isSkipped = true;
      return;
    }
    // In the legacy variant a table that is named comes into being, whatever becomes of the rest.
    if (this.world.speaker.variant === 'legacy') ruleset.replace(name, ruleset.chains(name));
    this.#draft = new TableDraft(name, this.flags.noFlush ? ruleset.chains(name) : emptyTable(name));
    this.#lineOf = new Map();
  }

  #declare(draft: TableDraft, text: string): void {
    const [name = '', policy, counters] = text.trim().split(/\s+/);
    const { name: program } = this.world.speaker;
    if (policy === undefined) throw new Refusal('usage', `${program}: line ${this.#line} policy invalid`);
    const read = counters === undefined ? null : parseCounters(counters);
    declare(draft, name, policy, this.flags.counters ? read : null, this.#context);
  }

  #change(draft: TableDraft, text: string): void {
    const found = /^\[(\d+:\d+)\]\s*(.*)$/.exec(text);
    const line = found?.[2] ?? text;
    const asked = parseCommandWords(wordsOfLine(line));
    const { name } = this.world.speaker;
    if (asked.table !== null) throw new Refusal('usage', `The -t option cannot be used in ${name}.\n`);
    if (asked.command === null) throw new Refusal('usage', 'no command specified');
    if (asked.wait !== undefined || asked.listing.size > 0)
      throw new NotImitated(`an option of iptables in iptables-restore: ${text}`);
    const given =
      asked.counters ?? (this.flags.counters && found !== null ? parseCounters(`[${found[1]}]`) : null);
    const { command, args, rule } = asked;
    operate(draft, { command, args, rule, counters: given }, this.#context);
    const added = command === '-A' ? draft.chain(args[0] ?? '')?.rules.at(-1) : undefined;
    if (added !== undefined) this.#lineOf.set(added, this.#line);
  }

  #commit(draft: TableDraft): void {
    const { ruleset } = this.world;
    const chains = draft.finished();
    const objection = objectionTo(draft.table, this.world.family, chains, this.world.kernelLacks);
    if (objection !== null) {
      if (this.world.speaker.variant === 'nft')
        this.#line = this.#lineOf.get(objection.rule) ?? this.#line - 1;
      throw kernelRefusal(objection);
    }
    if (!this.flags.test && draft.isTouched) ruleset.replace(draft.table, chains);
    this.#draft = null;
  }
}

/** What the kernel says of a rule that it does not take. */
export function kernelRefusal({ reason, chain }: NonNullable<ReturnType<typeof objectionTo>>): Refusal {
  const invalid = "Invalid argument. Run `dmesg' for more information.";
  const words = {
    'Built-in chain': invalid,
    'Invalid argument': invalid,
    'No such file or directory': NO_SUCH_NAME,
    'Too many links': 'Too many levels of symbolic links.',
  }[reason];
  return new Refusal('kernel', words, {
    operation: 'RULE_APPEND',
    reason: reason === 'Built-in chain' ? 'No such file or directory' : reason,
    object: `rule in chain ${chain}`,
  });
}

export function operationContext({ family, speaker, programLacks }: World): OperationContext {
  return {
    family,
    variant: speaker.variant,
    load: (what, name) => {
      if ([...programLacks].some((lacking) => lacking === name))
        throw new Refusal('usage', cannotLoad(name, what));
    },
  };
}

function parseCounters(text: string): Counters {
  const found = /^\[(\d+):(\d+)\]$/.exec(text);
  if (found === null) throw new NotImitated(`counters that are none: ${text}`);
  return { packets: Number(found[1]), bytes: Number(found[2]) };
}
