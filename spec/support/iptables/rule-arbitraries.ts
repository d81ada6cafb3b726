import fc from 'fast-check';
import type { IPFamily } from '../../../src/model/address.js';

/** Ports of one rule, and what is to hold of them. */
const port = fc.integer({ min: 0, max: 65_535 });
const range = fc.tuple(port, port).map(([a, b]) => `${Math.min(a, b)}:${Math.max(a, b)}`);
const negation = fc.constantFrom('', '', '', '! ');

function address(family: IPFamily): fc.Arbitrary<string> {
  const group = fc.constantFrom('0', '1', 'fd00', 'ff', 'abcd', '0');
  return family === 'IPv4'
    ? fc.ipV4()
    : fc
        .oneof(
          fc.ipV6(),
          fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':')),
        )
        .filter((text) => !text.includes('.'));
}

function block(family: IPFamily): fc.Arbitrary<string> {
  const bits = family === 'IPv4' ? 32 : 128;
  const length = fc.oneof(
    fc.constant(''),
    fc.integer({ min: 1, max: bits }).map((ones) => `/${ones}`),
  );
  return fc.tuple(address(family), length).map((parts) => parts.join(''));
}

const interfaceName = fc.constantFrom('lo', 'eth0', 'cni+', 'docker0', 'br-12ab');

const commentText = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019-_/:;., \'"\\ü!#@$%&()[]'), minLength: 0, maxLength: 40 })
  .map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`);

const multiports = fc
  .array(
    fc.oneof(
      port.map(String),
      range.filter((text) => text.split(':')[0] !== text.split(':')[1]),
    ),
    {
      minLength: 1,
      maxLength: 7,
    },
  )
  .map((ports) => ports.join(','));

const states = fc.subarray(['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED'], { minLength: 1 });
const connectionStates = fc.subarray(['DNAT', 'SNAT', 'ESTABLISHED', 'NEW', 'INVALID'], { minLength: 1 });
const hex = fc.integer({ min: 0, max: 0xffff_ffff }).map((number) => `0x${number.toString(16)}`);

/** Matches that any rule may have. */
function match(family: IPFamily): fc.Arbitrary<string> {
  const types = ['UNICAST', 'LOCAL', 'MULTICAST', ...(family === 'IPv4' ? ['BROADCAST'] : [])];
  const type = fc.subarray(types, { minLength: 1 }).map((given) => given.join(','));
  return fc.oneof(
    commentText.map((text) => `-m comment --comment ${text}`),
    fc.tuple(negation, type).map(([not, given]) => `-m addrtype ${not}--dst-type ${given}`),
    fc.tuple(negation, type, type).map(([not, a, b]) => `-m addrtype ${not}--src-type ${a} --dst-type ${b}`),
    fc.tuple(negation, states).map(([not, given]) => `-m state ${not}--state ${given.join(',')}`),
    fc
      .tuple(negation, connectionStates)
      .map(([not, given]) => `-m conntrack ${not}--ctstate ${given.join(',')}`),
    negation.map((not) => `-m physdev ${not}--physdev-is-in`),
    fc.tuple(negation, hex).map(([not, mark]) => `-m mark ${not}--mark ${mark}`),
    fc.tuple(negation, hex, hex).map(([not, mark, mask]) => `-m mark ${not}--mark ${mark}/${mask}`),
  );
}

/** `-p` with the matches of that protocol, which ports may be told of. */
const withPorts = fc.constantFrom('tcp', 'udp').chain((protocol) =>
  fc
    .oneof(
      fc.constant(''),
      fc.constant(` -m ${protocol}`),
      port.map((number) => ` --dport ${number}`),
      fc
        .tuple(
          negation,
          fc.oneof(
            // (The nft variant prints `! 0:80` as `81:65535`.)
            range.filter((text) => !/^0:|:65535$/.test(text)),
            port.map(String),
          ),
        )
        .map(([not, ports]) => ` -m ${protocol} ${not}--dport ${ports}`),
      fc
        .tuple(range, negation, port)
        .map(([sports, not, dport]) => ` -m ${protocol} ${not}--dport ${dport} --sport ${sports}`),
      fc
        .tuple(negation, fc.constantFrom('dports', 'sports', 'ports'), multiports)
        .map(([not, side, ports]) => ` -m multiport ${not}--${side} ${ports}`),
    )
    .map((ports) => `-p ${protocol}${ports}`),
);

const withoutPorts = fc.constantFrom('', '', '-p icmp', '-p ipv6-icmp', '! -p tcp', '-p 17', '-p sctp');

function optional(arbitrary: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant('') }, arbitrary);
}

function general(family: IPFamily): fc.Arbitrary<string> {
  const side = (flag: string): fc.Arbitrary<string> =>
    optional(fc.tuple(negation, block(family)).map(([not, text]) => `${not}${flag} ${text}`));
  const on = optional(fc.tuple(negation, interfaceName).map(([not, name]) => `${not}-i ${name}`));
  const out = optional(fc.tuple(negation, interfaceName).map(([not, name]) => `${not}-o ${name}`));
  return fc.tuple(side('-d'), side('-s'), on, out).map((parts) => parts.join(' '));
}

function natTarget(family: IPFamily): fc.Arbitrary<string> {
  const host = address(family);
  const destination = fc
    .tuple(host, port)
    .map(([to, number]) => (family === 'IPv4' ? `${to}:${number}` : `[${to}]:${number}`));
  return fc.oneof(
    port.map((number) => `-j REDIRECT --to-ports ${number}`),
    fc
      .tuple(port, port)
      .map(([a, b]) => `-j REDIRECT --to-ports ${Math.min(a, b)}-${Math.max(a, b)} --random`),
    destination.map((to) => `-j DNAT --to-destination ${to}`),
    host.map((to) => `-j DNAT --to-destination ${to} --persistent`),
    fc.constantFrom('-j U', '-g U', '-j ACCEPT', '-j RETURN', '-j MARK --set-mark 0x4000/0x4000'),
  );
}

function filterTarget(family: IPFamily): fc.Arbitrary<string> {
  const error = family === 'IPv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
  return fc.constantFrom(
    '-j ACCEPT',
    '-j DROP',
    '-j RETURN',
    '-j U',
    '',
    '-j REJECT',
    `-j REJECT --reject-with ${error}`,
  );
}

const mangleTarget = fc.oneof(
  hex.map((mark) => `-j MARK --set-mark ${mark}`),
  fc.tuple(hex, hex).map(([mark, mask]) => `-j MARK --set-xmark ${mark}/${mask}`),
  fc.tuple(hex, hex).map(([mark, mask]) => `-j MARK --set-mark ${mark}/${mask}`),
  fc.tuple(fc.constantFrom('or', 'and', 'xor'), hex).map(([how, mark]) => `-j MARK --${how}-mark ${mark}`),
  fc.constantFrom('-j ACCEPT', '-j DROP', '-g U'),
);

function rules(family: IPFamily, target: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  const rule = fc
    .tuple(
      fc.constantFrom('A', 'B-1', 'b_2'),
      general(family),
      fc.array(match(family), { maxLength: 2 }),
      fc.oneof(withPorts, withPorts, withoutPorts),
      fc.array(match(family), { maxLength: 2 }),
      target,
      fc.boolean(),
    )
    .map(([chain, on, before, protocol, after, to, isFirst]) =>
      [isFirst ? '-I' : '-A', chain, on, ...before, protocol, ...after, to]
        .filter((part) => part !== '')
        .join(' '),
    );
  return fc.array(rule, { minLength: 1, maxLength: 12 });
}

/** What iptables-restore reads: rules of all that the fake knows, in chains that nothing leads to. */
export function restoreInput(family: IPFamily): fc.Arbitrary<string> {
  const table = (name: string, lines: readonly string[]): string =>
    [`*${name}`, ':b_2 - [0:0]', ':B-1 - [0:0]', ':U - [0:0]', ':A - [0:0]', ...lines, 'COMMIT', ''].join(
      '\n',
    );
  const needsPorts = /--to-ports|\]:\d+( |$)|\d:\d+( |$)/;
  const natRules = rules(family, natTarget(family)).map((lines) =>
    lines.map((line) =>
      needsPorts.test(/-j (REDIRECT|DNAT).*/.exec(line)?.[0] ?? '') &&
      !/ -p (tcp|udp|17|sctp)/.test(line.replace('! -p', ''))
        ? line.replace(/-j .*/, '-j RETURN')
        : line,
    ),
  );
  return fc
    .tuple(rules(family, filterTarget(family)), natRules, rules(family, mangleTarget))
    .map(([filter, nat, mangle]) => table('filter', filter) + table('nat', nat) + table('mangle', mangle));
}
