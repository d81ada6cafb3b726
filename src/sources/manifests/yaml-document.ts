import { Composer, type CST, Lexer, LineCounter, Parser } from 'yaml';
import { brokenNode, lineAt, type YamlNode, yamlNode } from '../../model/yaml-node.js';
import { DEEPEST_NESTING } from './nesting.js';
import type { TimeSlice } from './time-slice.js';

/** One YAML document. */
export interface YamlDocument<Item> extends YamlNode {
  /** The first items of its list `items`, already read; those that follow are in `value`. */
  readonly items: readonly Item[];
}

/** Merge keys, which YAML 1.2 left out, and keys that are text: as Kubernetes reads YAML. */
const OPTIONS = {
  merge: true,
  stringKeys: true,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'error',
} as const;

/**
 * Reads the YAML documents of a text, in slices of time. The items of a list `items`, as a `List` has it, are read one
 * by one as they are complete, and then forgotten: a syntax tree takes fifty times the bytes of its text.
 */
export class YamlReader<Item> {
  readonly #lines = new LineCounter();
  readonly #parser = new Parser(this.#lines.addNewLine);
  readonly #composer = new Composer(OPTIONS);
  readonly #readItem: (item: YamlNode, index: number) => Item;
  /** Of the documents that are parsed and not yet composed. */
  readonly #itemsOfParsed: Item[][] = [];
  #items: Item[] = [];
  /** What comes after an anchor may refer to it: from there on the document stays whole. */
  #hasAnchor = false;

  /** @param readItem makes of an item what is to be kept of it. */
  constructor(readItem: (item: YamlNode, index: number) => Item) {
    this.#readItem = readItem;
    this.#lines.addNewLine(0);
  }

  /**
   * The documents of this text. A reader reads one text.
   *
   * @throws AbortError where the work is not wanted any more.
   */
  async *documents(text: string, slice: TimeSlice): AsyncGenerator<YamlDocument<Item>, void> {
    const hasDirective = /^%/m.test(text);
    for (const lexeme of new Lexer().lex(text)) {
      yield* this.#compose(this.#parser.next(lexeme));
      if (this.#parser.stack.length > DEEPEST_NESTING) {
        yield this.#broken(this.#parser.offset, `it nests deeper than ${DEEPEST_NESTING} levels`);
        return;
      }
      if (lexeme.startsWith('&')) this.#hasAnchor = true;
      if (!hasDirective && !this.#hasAnchor) this.#readCompleteItems();
      if (slice.over) await slice.pass();
    }
    yield* this.#compose(this.#parser.end());
    for (const document of this.#composer.end()) yield this.#withItems(yamlNode(document, this.#lines));
    const [error] = this.#composer.streamInfo().errors;
    if (error !== undefined) yield this.#broken(error.pos[0], error.message);
  }

  *#compose(tokens: Iterable<CST.Token>): Generator<YamlDocument<Item>, void> {
    for (const token of tokens) {
      if (token.type === 'document') {
        this.#itemsOfParsed.push(this.#items);
        this.#items = [];
        this.#hasAnchor = false;
      }
      for (const document of this.#composer.next(token))
        yield this.#withItems(yamlNode(document, this.#lines));
    }
  }

  #withItems(node: YamlNode): YamlDocument<Item> {
    return { ...node, items: this.#itemsOfParsed.shift() ?? [] };
  }

  #broken(offset: number, message: string): YamlDocument<Item> {
    return this.#withItems(brokenNode(lineAt(this.#lines, offset), message));
  }

  #readCompleteItems(): void {
    for (const token of takeCompleteItems(this.#parser.stack)) {
      const [document] = new Composer(OPTIONS).compose([token]);
      if (document !== undefined)
        this.#items.push(this.#readItem(yamlNode(document, this.#lines), this.#items.length));
    }
  }
}

/** Takes all items but the last, which may go on, out of the list `items` of the document that is being parsed. */
function takeCompleteItems([document, mapping, list]: readonly CST.Token[]): CST.Document[] {
  if (document?.type !== 'document' || mapping?.type !== 'block-map' || list?.type !== 'block-seq') return [];
  const key = mapping.items.at(-1)?.key;
  if (list.items.length < 2 || key?.type !== 'scalar' || key.source !== 'items') return [];
  return list.items.splice(0, list.items.length - 1).map(({ start, value }) => ({
    type: 'document',
    offset: value !== undefined && 'offset' in value ? value.offset : list.offset,
    start: start.filter(({ type }) => type !== 'seq-item-ind'),
    ...(value === undefined ? {} : { value }),
  }));
}
