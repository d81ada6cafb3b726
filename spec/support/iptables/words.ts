import { NotImitated } from './refusal.js';

/**
 * The words of a line as iptables-restore finds them (`add_param_to_argv` of its `xshared.c`): a quote ends a word, even
 * an empty one, and a backslash means something between quotes only.
 */
export function wordsOfLine(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let isQuoted = false;
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index] ?? '';
    if (isQuoted && character === '\\') {
      index += 1;
      word += line[index] ?? '';
    } else if (character === '"') {
      isQuoted = !isQuoted;
      if (isQuoted) continue;
      words.push(word);
      word = '';
    } else if (!isQuoted && (character === ' ' || character === '\t')) {
      if (word !== '') words.push(word);
      word = '';
    } else word += character;
  }
  if (isQuoted) throw new NotImitated(`a quote without its end: ${line}`);
  if (word !== '') words.push(word);
  return words;
}

/** Words that are taken one by one. */
export class WordReader {
  #next = 0;

  constructor(private readonly words: readonly string[]) {}

  take(): string | undefined {
    const word = this.words[this.#next];
    this.#next += 1;
    return word;
  }

  peek(): string | undefined {
    return this.words[this.#next];
  }
}
