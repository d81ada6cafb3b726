import { type IPFamily, parseAddress } from '../../../src/model/address.js';
import { addressOfBits, bitsOfAddress } from './addresses.js';
import { type OptionReading, type PartBuilder, parseMark, parseNumber, WHOLE_MARK } from './parse-matches.js';
import { HIGHEST_PORT } from './ports.js';
import { NotImitated, Refusal } from './refusal.js';
import type { PortRange, Target, TargetName } from './rule.js';

type TargetBuilder = PartBuilder<Target>;

/** What ICMP errors are called, and their short names, as `iptables -j REJECT -h` tells. */
const REJECTIONS: Readonly<Record<IPFamily, ReadonlyMap<string, string>>> = {
  IPv4: new Map([
    ['net-unreach', 'icmp-net-unreachable'],
    ['host-unreach', 'icmp-host-unreachable'],
    ['proto-unreach', 'icmp-proto-unreachable'],
    ['port-unreach', 'icmp-port-unreachable'],
    ['net-prohib', 'icmp-net-prohibited'],
    ['host-prohib', 'icmp-host-prohibited'],
    ['tcp-rst', 'tcp-reset'],
    ['admin-prohib', 'icmp-admin-prohibited'],
  ]),
  IPv6: new Map([
    ['no-route', 'icmp6-no-route'],
    ['adm-prohibited', 'icmp6-adm-prohibited'],
    ['addr-unreach', 'icmp6-addr-unreachable'],
    ['port-unreach', 'icmp6-port-unreachable'],
    ['tcp-rst', 'tcp-reset'],
    ['policy-fail', 'icmp6-policy-fail'],
    ['reject-route', 'icmp6-reject-route'],
  ]),
};

const DEFAULT_REJECTION: Readonly<Record<IPFamily, string>> = {
  IPv4: 'icmp-port-unreachable',
  IPv6: 'icmp6-port-unreachable',
};

const NAT_FLAGS = ['--random', '--random-fully', '--persistent'] as const;

/** The options of `-j NAME`. */
export function targetBuilder(name: TargetName, family: IPFamily, hasPorts: () => boolean): TargetBuilder {
  switch (name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return { name, option: () => false, finish: () => ({ kind: name }) };
    case 'REJECT':
      return reject(family);
    case 'REDIRECT':
    case 'MASQUERADE':
      return portsTarget(name, hasPorts);
    case 'DNAT':
      return dnat(family, hasPorts);
    case 'MARK':
      return setMark();
  }
}

function reject(family: IPFamily): TargetBuilder {
  let chosen = DEFAULT_REJECTION[family];
  return {
    name: 'REJECT',
    option: (name, { value }) => {
      if (name !== '--reject-with') return false;
      const word = value();
      const long = REJECTIONS[family].get(word) ?? word;
      if (![...REJECTIONS[family].values()].includes(long))
        throw new Refusal('usage', `unknown reject type "${word}"`);
      chosen = long;
      return true;
    },
    finish: () => ({ kind: 'REJECT', with: chosen }),
  };
}

/** Flags in the order in which they are printed. */
function flagReader(allowed: readonly string[]): {
  take: (name: string) => boolean;
  given: () => readonly string[];
} {
  const taken = new Set<string>();
  return {
    take: (name) => {
      if (!allowed.includes(name)) return false;
      taken.add(name);
      return true;
    },
    given: () => allowed.filter((flag) => taken.has(flag)),
  };
}

function portsTarget(kind: 'REDIRECT' | 'MASQUERADE', hasPorts: () => boolean): TargetBuilder {
  let ports: PortRange | null = null;
  const flags = flagReader(kind === 'REDIRECT' ? ['--random'] : ['--random', '--random-fully']);
  return {
    name: kind,
    option: (name, { value }) => {
      if (name !== '--to-ports' && name !== '--to-port') return flags.take(name);
      const text = value();
      needPorts(hasPorts);
      if (text.includes(':')) throw new Refusal('usage', 'Invalid port:port syntax - use dash');
      ports = parseNatPorts(text);
      return true;
    },
    finish: () => ({ kind, ports, flags: flags.given() }),
  };
}

function dnat(family: IPFamily, hasPorts: () => boolean): TargetBuilder {
  let to: { address: string | null; ports: PortRange | null } | null = null;
  const flags = flagReader(NAT_FLAGS.filter((flag) => flag !== '--random-fully'));
  return {
    name: 'DNAT',
    option: (name, { value }) => {
      if (name !== '--to-destination' && name !== '--to') return flags.take(name);
      to = parseDestination(value(), family);
      if (to.ports !== null) needPorts(hasPorts);
      return true;
    },
    finish: () => {
      if (to === null) throw new Refusal('usage', 'DNAT: option "--to-destination" must be specified\n');
      return { kind: 'DNAT', ...to, flags: flags.given() };
    },
  };
}

/** `ADDRESS`, `ADDRESS:PORTS`, `:PORTS`; of IPv6 an address that has ports behind it stands in brackets. */
const DESTINATIONS: Readonly<Record<IPFamily, RegExp>> = {
  IPv4: /^([^:]*)(?::(.*))?$/,
  IPv6: /^(?:\[([^\]]*)\](?::(.*))?|:(\d.*)|(.*))$/,
};

function parseDestination(
  text: string,
  family: IPFamily,
): { address: string | null; ports: PortRange | null } {
  const found = DESTINATIONS[family].exec(text);
  const host = found?.[1] ?? found?.[4] ?? '';
  const port = found?.[2] ?? found?.[3];
  if (host.includes('-')) throw new NotImitated(`a range of destinations: ${text}`);
  const ports = port === undefined ? null : parseNatPorts(port);
  if (host === '') return { address: null, ports };
  const address = parseAddress(host);
  if (address?.family !== family) throw new Refusal('usage', `Bad IP address "${host}"`);
  return { address: addressOfBits(bitsOfAddress(address.address), family), ports };
}

function parseNatPorts(text: string): PortRange {
  const [first = '', last = first, ...more] = text.split('-');
  if (more.length > 0) throw new Refusal('usage', `Garbage after port range: \`-${more.join('-')}'`);
  const range = { first: parseNatPort(first), last: parseNatPort(last) };
  if (range.last < range.first) throw new Refusal('usage', `Port range \`${last}' funky`);
  return range;
}

function parseNatPort(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > HIGHEST_PORT)
    throw new Refusal('usage', `Port \`${text}' not valid`);
  return Number(text);
}

function needPorts(hasPorts: () => boolean): void {
  if (!hasPorts()) throw new Refusal('usage', 'Need TCP, UDP, SCTP or DCCP with port specification');
}

function setMark(): TargetBuilder {
  let given: { value: number; mask: number } | null = null;
  return {
    name: 'MARK',
    option: (name, reading) => {
      const mark = parseSetMark(name, reading);
      if (mark === null) return false;
      given = mark;
      return true;
    },
    finish: () => {
      if (given === null)
        throw new Refusal(
          'usage',
          'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required',
        );
      return { kind: 'MARK', ...given };
    },
  };
}

/** Every one of them is a `--set-xmark`: the bits of the mask are cleared, then those of the value turned over. */
function parseSetMark(name: string, { value }: OptionReading): { value: number; mask: number } | null {
  switch (name) {
    case '--set-xmark':
      return parseMark(value());
    case '--set-mark': {
      const mark = parseMark(value());
      return { value: mark.value, mask: (mark.value | mark.mask) >>> 0 };
    }
    case '--or-mark': {
      const bits = parseNumber(value());
      return { value: bits, mask: bits };
    }
    case '--and-mark':
      return { value: 0, mask: (WHOLE_MARK & ~parseNumber(value())) >>> 0 };
    case '--xor-mark':
      return { value: parseNumber(value()), mask: 0 };
    default:
      return null;
  }
}
