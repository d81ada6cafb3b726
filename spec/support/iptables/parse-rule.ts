import { parseBlock } from './addresses.js';
import { isOneOf } from './one-of.js';
import { matchBuilder, type OptionReading, type PartBuilder } from './parse-matches.js';
import { targetBuilder } from './parse-targets.js';
import { NotImitated, Refusal } from './refusal.js';
import type {
  AddressBlock,
  Condition,
  Match,
  MatchName,
  Rule,
  RuleReading,
  Target,
  TargetName,
} from './rule.js';
import { WordReader } from './words.js';

export const MATCH_NAMES = [
  'comment',
  'tcp',
  'udp',
  'multiport',
  'addrtype',
  'state',
  'conntrack',
  'physdev',
  'mark',
] as const satisfies readonly MatchName[];

export const TARGET_NAMES = [
  'ACCEPT',
  'DROP',
  'RETURN',
  'REJECT',
  'REDIRECT',
  'DNAT',
  'MASQUERADE',
  'MARK',
] as const satisfies readonly TargetName[];

/** Targets and matches of the real program that the fake does not have: a chain may not be called so. */
const OTHER_TARGETS = [
  'SNAT',
  'LOG',
  'NFLOG',
  'QUEUE',
  'NFQUEUE',
  'TPROXY',
  'NOTRACK',
  'CT',
  'CONNMARK',
  'NETMAP',
  'TCPMSS',
];

const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['6', 'tcp'],
  ['17', 'udp'],
  ['1', 'icmp'],
  ['icmpv6', 'ipv6-icmp'],
  ['58', 'ipv6-icmp'],
  ['132', 'sctp'],
]);
const PROTOCOL_NAMES = ['tcp', 'udp', 'icmp', 'ipv6-icmp', 'sctp', 'udplite', 'dccp'];
const WITH_PORTS = ['tcp', 'udp', 'sctp', 'udplite', 'dccp'];

const LONGEST_INTERFACE = 15;

/** The options of a rule that belong to no match, each with its other names. */
const PLAIN_OPTIONS: ReadonlyMap<string, string> = new Map([
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
  ['--match', '-m'],
]);

/**
 * The rule that words such as `-d 10.0.0.1 -p tcp -m tcp --dport 80 -j ACCEPT` are.
 *
 * @throws Refusal in iptables' own words; NotImitated where the fake does not know what iptables would do.
 */
export function parseRule(words: readonly string[], reading: RuleReading): Rule {
  return new RuleParser(new WordReader(words), reading).parse();
}

class RuleParser {
  readonly #given = new Set<string>();
  readonly #matches: PartBuilder<Match>[] = [];
  #source: Condition<AddressBlock> | null = null;
  #destination: Condition<AddressBlock> | null = null;
  #inInterface: Condition<string> | null = null;
  #outInterface: Condition<string> | null = null;
  #protocol: Condition<string> | null = null;
  #target: PartBuilder<Target> | null = null;
  #not = false;

  constructor(
    private readonly words: WordReader,
    private readonly reading: RuleReading,
  ) {}

  parse(): Rule {
    for (let word = this.words.take(); word !== undefined; word = this.words.take()) {
      if (word === '!') {
        if (this.#not) throw new Refusal('usage', "Multiple `!' flags not allowed");
        this.#not = true;
      } else if (word.startsWith('-')) {
        this.#option(word);
        this.#not = false;
      } else throw new Refusal('bare', `Bad argument \`${word}'`);
    }
    const matches = this.#matches.map((match) => match.finish());
    this.#checkMatches(matches);
    return {
      source: this.#source,
      destination: this.#destination,
      inInterface: this.#inInterface,
      outInterface: this.#outInterface,
      protocol: this.#protocol,
      matches,
      target: this.#target?.finish() ?? null,
    };
  }

  #option(word: string): void {
    const option = PLAIN_OPTIONS.get(word) ?? word;
    if (option.length === 2 && option !== '-m') this.#onlyOnce(option);
    const not = this.#not;
    switch (option) {
      case '-s':
        this.#source = this.#block(option, not);
        return;
      case '-d':
        this.#destination = this.#block(option, not);
        return;
      case '-p':
        this.#protocol = this.#protocolOf(this.#value(word), not);
        return;
      case '-i':
        this.#inInterface = this.#interface(option, not, ['OUTPUT', 'POSTROUTING']);
        return;
      case '-o':
        this.#outInterface = this.#interface(option, not, ['INPUT', 'PREROUTING']);
        return;
      case '-m':
        this.#addMatch(this.#value(word));
        return;
      case '-j':
      case '-g':
        this.#target = this.#targetOf(this.#value(word), option === '-g');
        return;
      default:
        this.#optionOfPart(word, { not, value: () => this.#value(word) });
    }
  }

  #onlyOnce(option: string): void {
    if (this.#given.has(option)) throw new Refusal('usage', `multiple ${option} flags not allowed`);
    this.#given.add(option);
  }

  #value(option: string): string {
    const value = this.words.take();
    if (value === undefined) throw new Refusal('usage', `option "${option}" requires an argument`);
    if (value === '!' && option !== '--comment')
      throw new NotImitated(`"!" behind ${option}, as it stood before 1.4.3`);
    return value;
  }

  /** Null where it holds for every packet. */
  #block(option: string, not: boolean): Condition<AddressBlock> | null {
    const value = parseBlock(this.#value(option), this.reading.family);
    if (value.mask !== 0n) return { value, not };
    if (not) throw new NotImitated('what is from or to no address at all');
    return null;
  }

  #protocolOf(text: string, not: boolean): Condition<string> | null {
    const lower = text.toLowerCase();
    const value = PROTOCOLS.get(lower) ?? lower;
    if (value === 'all' || value === '0') {
      if (not) throw new NotImitated('what has no protocol at all');
      return null;
    }
    if (!PROTOCOL_NAMES.includes(value)) throw new NotImitated(`the protocol ${text}`);
    return { value, not };
  }

  #interface(option: string, not: boolean, forbidden: readonly string[]): Condition<string> | null {
    const value = this.#value(option);
    if (forbidden.includes(this.reading.chain))
      throw new Refusal('usage', `Can't use ${option} with ${this.reading.chain}\n`);
    if (value.length > LONGEST_INTERFACE)
      throw new Refusal(
        'usage',
        `interface name \`${value}' must be shorter than IFNAMSIZ (${LONGEST_INTERFACE})`,
      );
    if (value === '+' && !not) return null;
    if (value === '+' || value === '') throw new NotImitated('what is of no interface at all');
    return { value, not };
  }

  #addMatch(name: string): void {
    if (!isOneOf(MATCH_NAMES, name)) throw new NotImitated(`the match ${name}`);
    this.reading.load('match', name);
    this.#matches.push(matchBuilder(name));
  }

  #targetOf(name: string, goto: boolean): PartBuilder<Target> {
    const { family, table, isChain, load } = this.reading;
    if (goto && !isChain(name)) throw new Refusal('usage', `goto '${name}' is not a chain`);
    if (isChain(name))
      return { name, option: () => false, finish: () => ({ kind: 'chain', chain: name, goto }) };
    if (isOneOf(TARGET_NAMES, name)) {
      load('target', name);
      if (name === 'DROP' && table === 'nat')
        throw new Refusal(
          'usage',
          '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n',
        );
      return targetBuilder(name, family, () => this.#hasPorts());
    }
    if (OTHER_TARGETS.includes(name)) throw new NotImitated(`the target ${name}`);
    throw new Refusal('target', name);
  }

  #hasPorts(): boolean {
    return this.#protocol !== null && !this.#protocol.not && WITH_PORTS.includes(this.#protocol.value);
  }

  /** As the real program: an option of what was named last; else one of the protocol's own match, which it loads. */
  #optionOfPart(option: string, reading: OptionReading): void {
    if (this.#target?.option(option, reading) === true) return;
    for (const match of this.#matches.toReversed()) if (match.option(option, reading)) return;
    const protocol = this.#protocol?.value;
    if ((protocol === 'tcp' || protocol === 'udp') && !this.#matches.some(({ name }) => name === protocol)) {
      this.#addMatch(protocol);
      if (this.#matches.at(-1)?.option(option, reading) === true) return;
    }
    throw new NotImitated(`the option ${option}`);
  }

  #checkMatches(matches: readonly Match[]): void {
    for (const { kind } of matches) {
      if (kind === 'multiport' && !this.#hasPorts()) {
        throw new Refusal(
          'usage',
          this.#protocol === null || this.#protocol.not
            ? "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'"
            : 'multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP',
        );
      }
    }
  }
}
