/** Options that older releases print, and newer ones do not, or the other way round: they say nothing of a packet. */
const MEANINGLESS = new Set(['-m']);

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
]);

/**
 * A rule in one form, however the release that printed it writes it: two rules are the same when theirs are. Releases
 * differ in whether `!` stands before an option or behind it (before since 1.4.3), whether a comment without spaces is
 * quoted, whether a single address has its `/32`, whether a mask is a number of bits, and in the order of matches.
 */
export function canonicalRule(rule: string): string {
  const words = wordsOf(rule);
  const chain = words[1] ?? '';
  const options: string[] = [];
  let option: { negated: boolean; name: string; values: string[] } | undefined;
  let negated = false;
  const end = (): void => {
    if (option !== undefined && !MEANINGLESS.has(option.name)) options.push(optionText(option));
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
  return [chain, ...options.toSorted()].join(' ');
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

function optionText({ negated, name, values }: { negated: boolean; name: string; values: string[] }): string {
  return `${negated ? '! ' : ''}${name} ${values.map((value) => canonicalValue(name, value)).join(' ')}`;
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
