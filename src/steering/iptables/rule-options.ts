/** What one release calls so, another calls so: `-m state --state NEW` and `--dport` of `multiport` stay what they are. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['--source', '-s'],
  ['--src', '-s'],
  ['--destination', '-d'],
  ['--dst', '-d'],
  ['--protocol', '-p'],
  ['--proto', '-p'],
  ['--in-interface', '-i'],
  ['--out-interface', '-o'],
  ['--jump', '-j'],
  ['--goto', '-g'],
  ['--destination-port', '--dport'],
  ['--destination-ports', '--dports'],
]);

const PROTOCOL_NUMBERS: ReadonlyMap<string, string> = new Map([
  ['6', 'tcp'],
  ['17', 'udp'],
  ['132', 'sctp'],
]);

/** One option of a rule, by the name that newer releases print: `! -s 10.0.0.0/8` is `-s`, negated, with one value. */
export interface RuleOption {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** A rule as its options, in the order in which it was printed. */
export interface RuleOptions {
  readonly chain: string;
  readonly options: readonly RuleOption[];
}

/**
 * The options of a rule that iptables-save of whatever release printed (`-A CHAIN …`). Releases differ in whether `!` stands before
 * an option or behind it (before since 1.4.3), whether a comment without spaces is quoted, whether a single address has
 * its `/32`, and whether a mask is a number of bits.
 */
export function ruleOptions(rule: string): RuleOptions {
  const words = wordsOf(rule);
  const options: RuleOption[] = [];
  let option: { negated: boolean; name: string; values: string[] } | undefined;
  let negated = false;
  const end = (): void => {
    if (option === undefined) return;
    const { name, values } = option;
    options.push({ ...option, values: values.map((value) => canonicalValue(name, value)) });
  };
  for (const { text, isQuoted } of words.slice(2).map(marked)) {
    if (text === '!' && !isQuoted) {
      // Behind an option it negates that; otherwise the one that follows.
      if (option !== undefined && option.values.length === 0) option.negated = true;
      else negated = true;
    } else if (text.startsWith('-') && text.length > 1 && !isQuoted) {
      end();
      option = { negated, name: OTHER_NAMES.get(text) ?? text, values: [] };
      negated = false;
    } else option?.values.push(text);
  }
  end();
  return { chain: words[1] ?? '', options };
}

/** The words of a rule, as a shell would have them; one that was quoted keeps its first quote, as a mark. */
function wordsOf(rule: string): string[] {
  return [...rule.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, inQuotes, bare = '']) =>
    inQuotes === undefined ? bare : `"${inQuotes.replace(/\\(.)/g, '$1')}`,
  );
}

function marked(word: string): { text: string; isQuoted: boolean } {
  return word.startsWith('"') ? { text: word.slice(1), isQuoted: true } : { text: word, isQuoted: false };
}

function canonicalValue(name: string, value: string): string {
  if (name === '-s' || name === '-d') return canonicalCIDR(value);
  if (name === '-p') return PROTOCOL_NUMBERS.get(value) ?? value;
  return value;
}

function canonicalCIDR(text: string): string {
  const [address = '', mask] = text.split('/');
  if (mask === undefined) return `${address}/${address.includes(':') ? 128 : 32}`;
  if (!mask.includes('.')) return text;
  const bits = mask
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  // One that is not of leading bits has no shorter form.
  return /^1*0*$/.test(bits) ? `${address}/${bits.replaceAll('0', '').length}` : text;
}
