import { WHOLE_MARK } from './parse-matches.js';
import { HIGHEST_PORT, portsText } from './ports.js';
import type { Condition, Match, PortRange, Rule, Target } from './rule.js';

/**
 * The options of a rule as iptables-save 1.8.9 prints them behind the name of the chain: what is true of every packet is
 * left out, addresses have their masks, options come in one order.
 */
export function ruleText(rule: Rule): string {
  const { source, destination, inInterface, outInterface, protocol, matches, target } = rule;
  return [
    ...option('-s', source, ({ text }) => text),
    ...option('-d', destination, ({ text }) => text),
    ...option('-i', inInterface, String),
    ...option('-o', outInterface, String),
    ...option('-p', protocol, String),
    ...matches.map((match) => [`-m ${match.kind}`, ...matchOptions(match)].join(' ')),
    ...(target === null ? [] : [targetText(target)]),
  ].join(' ');
}

/** ` -d 10.0.0.1/32`, with `! ` before it where it is negated; nothing where there is none. */
function option<T>(
  name: string,
  condition: Condition<T> | null,
  text: (value: T) => string,
): readonly string[] {
  if (condition === null) return [];
  return [`${condition.not ? '! ' : ''}${name} ${text(condition.value)}`];
}

function matchOptions(match: Match): readonly string[] {
  switch (match.kind) {
    case 'comment':
      return [`--comment ${commentText(match.text)}`];
    case 'tcp':
    case 'udp':
      return [...portOption('--sport', match.source), ...portOption('--dport', match.destination)];
    case 'multiport':
      return option(`--${match.side}`, match.ports, (ranges) =>
        ranges.map((range) => portsText(range, ':')).join(','),
      );
    case 'addrtype':
      return [
        ...option('--src-type', match.source, String),
        ...option('--dst-type', match.destination, String),
      ];
    case 'state':
      return option('--state', match.states, String);
    case 'conntrack':
      return option('--ctstate', match.states, String);
    case 'physdev':
      return match.passages.map(({ value, not }) => `${not ? '! ' : ''}--physdev-${value}`);
    case 'mark':
      return option('--mark', match.mark, ({ value, mask }) =>
        mask === WHOLE_MARK ? hex(value) : `${hex(value)}/${hex(mask)}`,
      );
  }
}

function portOption(name: string, condition: Condition<PortRange> | null): readonly string[] {
  if (condition?.value.first === 0 && condition.value.last === HIGHEST_PORT) return [];
  return option(name, condition, (range) => portsText(range, ':'));
}

/** `xtables_save_string`: letters, digits, `_` and `-` alone need no quotes. */
function commentText(text: string): string {
  return /^[\w-]+$/.test(text) ? text : `"${text.replace(/["\\']/g, '\\$&')}"`;
}

function targetText(target: Target): string {
  switch (target.kind) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return `-j ${target.kind}`;
    case 'REJECT':
      return `-j REJECT --reject-with ${target.with}`;
    case 'REDIRECT':
    case 'MASQUERADE':
      return [
        `-j ${target.kind}`,
        ...(target.ports === null ? [] : [`--to-ports ${portsText(target.ports, '-')}`]),
        ...target.flags,
      ].join(' ');
    case 'DNAT':
      return [`-j DNAT --to-destination ${destinationText(target)}`, ...target.flags].join(' ');
    case 'MARK':
      return `-j MARK --set-xmark ${hex(target.value)}/${hex(target.mask)}`;
    case 'chain':
      return `${target.goto ? '-g' : '-j'} ${target.chain}`;
  }
}

function destinationText({ address, ports }: Extract<Target, { kind: 'DNAT' }>): string {
  const port = ports === null ? '' : `:${portsText(ports, '-')}`;
  if (address === null) return port;
  return address.includes(':') && port !== '' ? `[${address}]${port}` : `${address}${port}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
