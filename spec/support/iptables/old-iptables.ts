import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variant } from './rule.js';

/** An iptables that stands in front of the real one, and knows no more than a release of its time. */
export interface OldIptables {
  readonly release: '1.3.5' | '1.4.7' | '1.4.21';
  /** Which of the real ones it hands on to what it understands. */
  readonly variant: Variant;
  /** Matches that it has no library for, such as `comment`. */
  readonly withoutMatches?: readonly string[];
  /** Whether its kernel has no table nat for IPv6, as none before Linux 3.7. */
  readonly withoutIPv6Nat?: boolean;
}

const REAL_DIRECTORY = '/usr/sbin';

/** Which options of `iptables` a release refuses, and with what words (`do_command` of its `iptables.c`). */
const REFUSED: Readonly<Record<OldIptables['release'], readonly string[]>> = {
  '1.3.5': ['-C', '--check', '-S', '--list-rules', '-w', '--wait', '-W', '--wait-interval'],
  '1.4.7': ['-C', '--check', '-w', '--wait', '-W', '--wait-interval'],
  '1.4.21': ['-W', '--wait-interval'],
};

/** Before 1.4.11 `Unknown arg`, since then `unknown option`. */
const WORDS_OF_REFUSAL: Readonly<Record<OldIptables['release'], readonly [string, string]>> = {
  '1.3.5': ['Unknown arg `', "'"],
  '1.4.7': ['Unknown arg `', "'"],
  '1.4.21': ['unknown option "', '"'],
};

/**
 * Writes `iptables`, `iptables-save` and `iptables-restore`, and those of IPv6, as shell programs into a directory. They
 * print, refuse and read what that release does:
 *
 * - `iptables-restore` knows no `-w`: it says so, goes on, and takes the seconds for a file it can't open. It takes no
 *   lock either.
 * - 1.4.7 and older end each rule with a space; 1.3.5 prints `-d ! x`, masks as addresses, none for a single address of
 *   IPv4, and quotes every comment.
 * - All of them read `-d ! x` as well as `! -d x`.
 */
export function writeOldIptables(directory: string, old: OldIptables): void {
  for (const base of ['iptables', 'ip6tables'] as const) {
    const parts = {
      '': commandProgram(base, old),
      '-save': saveProgram(base, old),
      '-restore': restoreProgram(base, old),
    };
    for (const [part, lines] of Object.entries(parts)) {
      const path = join(directory, `${base}${part}`);
      writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'));
      chmodSync(path, 0o755);
    }
  }
}

function real(base: string, part: string, { variant }: OldIptables): string {
  return `${REAL_DIRECTORY}/${base}-${variant}${part}`;
}

/** Runs the real program, which then speaks as the old one. The lock that it takes is nobody's. */
function handOn(
  name: string,
  program: string,
  args: string,
  { release, variant }: OldIptables,
): readonly string[] {
  const label = variant === 'nft' ? 'nf_tables' : 'legacy';
  return [
    'said=$(mktemp)',
    `XTABLES_LOCKFILE="$said.lock" ${program} ${args} 2>"$said"`,
    'code=$?',
    `sed -e 's/${name.replace('tables', `tables-${variant}`)}/${name}/g' -e 's/v[0-9.]* (${label})/v${release}/' "$said" >&2`,
    'rm -f "$said" "$said.lock"',
    'exit $code',
  ];
}

/** A function that says why arguments are refused, as iptables does, and ends. */
function refuse(name: string, { release }: OldIptables): readonly string[] {
  return [
    'refuse() {',
    `  printf '%s\\n' "$1" "Try \\\`${name} -h' or '${name} --help' for more information." >&2`,
    '  exit 2',
    '}',
    `banner='${name} v${release}'`,
  ];
}

function missingMatch(match: string): string {
  return `Couldn't load match \\\`${match}':/lib/xtables/libipt_${match}.so: cannot open shared object file: No such file or directory`;
}

function commandProgram(base: string, old: OldIptables): readonly string[] {
  const { release, withoutMatches = [], withoutIPv6Nat = false } = old;
  const [before, after] = WORDS_OF_REFUSAL[release];
  const lacksNat = withoutIPv6Nat && base === 'ip6tables';
  return [
    ...refuse(base, old),
    'previous=',
    'for arg in "$@"; do',
    '  case "$arg" in',
    `    --version|-V) echo "$banner"; exit 0 ;;`,
    `    ${REFUSED[release].join('|')}) refuse "$banner: ${shellQuoted(before)}$arg${shellQuoted(after)}" ;;`,
    '  esac',
    '  case "$previous $arg" in',
    // Until 1.4.22 `-w` took no seconds.
    '    "-w "[0-9]*|"--wait "[0-9]*) refuse "Bad argument \\`$arg\'" ;;',
    ...withoutMatches.flatMap((match) => [
      `    "-m ${match}"|"--match ${match}") refuse "$banner: ${missingMatch(match)}" ;;`,
    ]),
    ...(lacksNat
      ? [
          '    "-t nat"|"--table nat")',
          `      printf '%s\\n' "$banner: can't initialize ${base} table \\\`nat': Table does not exist (do you need to insmod?)" "Perhaps ${base} or your kernel needs to be upgraded." >&2`,
          '      exit 3 ;;',
        ]
      : []),
    '  esac',
    '  previous=$arg',
    'done',
    ...handOn(base, real(base, '', old), '"$@"', old),
  ];
}

function shellQuoted(text: string): string {
  return text.replace(/[`"]/g, '\\$&');
}

function saveProgram(base: string, old: OldIptables): readonly string[] {
  const name = `${base}-save`;
  const { release, variant, withoutIPv6Nat = false } = old;
  const label = variant === 'nft' ? 'nf_tables' : 'legacy';
  const lacksNat = withoutIPv6Nat && base === 'ip6tables';
  return [
    `case "$*" in`,
    ...(lacksNat
      ? [
          '  *"-t nat"*|*"--table nat"*)',
          `    echo "${name} v${release}: Can't initialize: Table does not exist (do you need to insmod?)" >&2`,
          '    exit 1 ;;',
        ]
      : []),
    `  *-V*|*--version*) echo "${name}: unrecognized option" >&2; exit 1 ;;`,
    'esac',
    'rules=$(mktemp)',
    `${real(base, '-save', old)} "$@" >"$rules"`,
    'code=$?',
    `sed -E -e 's/^(# Generated by) ${base}[a-z0-9-]* v[0-9.]*( \\(${label}\\))?/\\1 ${name} v${release}/' ${spelling(old)} "$rules"`,
    'rm -f "$rules"',
    'exit $code',
  ];
}

/** Expressions for sed which turn a rule of 1.8.9 into one of that release. */
function spelling({ release }: OldIptables): string {
  if (release === '1.4.21') return '';
  const expressions = ['/^(\\[[0-9:]*\\] )?-A /s/$/ /'];
  if (release === '1.3.5') {
    expressions.push(
      's/ ! (-[sdiop]|--(sport|dport|sports|dports|ports|dst-type|src-type|ctstate|mark)) / \\1 ! /g',
      's/ (-[sd] (! )?[0-9.]+)\\/32 / \\1 /g',
      ...Array.from({ length: 31 }, (_, index) => {
        const bits = index + 1;
        return `s/ (-[sd] (! )?[0-9.]+)\\/${bits} / \\1\\/${dotted(bits)} /g`;
      }),
      's/ --comment ([^" ][^ ]*) / --comment "\\1" /',
    );
  }
  return expressions.map((expression) => `-e '${expression}'`).join(' ');
}

function dotted(bits: number): string {
  const mask = (0xffff_ffff << (32 - bits)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join('.');
}

function restoreProgram(base: string, old: OldIptables): readonly string[] {
  const name = `${base}-restore`;
  const { withoutMatches = [], withoutIPv6Nat = false } = old;
  const refused = [
    ...withoutMatches.map((match) => ({ pattern: ` (-m|--match) ${match} `, why: missingMatch(match) })),
    ...(withoutIPv6Nat && base === 'ip6tables'
      ? [{ pattern: '^\\*nat', why: `${name}: unable to initialize table 'nat'` }]
      : []),
  ];
  return [
    ...refuse(name, old),
    'flags=; file=',
    'while [ $# -gt 0 ]; do',
    '  case "$1" in',
    '    -b|--binary|-c|--counters|-v|--verbose|-t|--test|-n|--noflush) flags="$flags $1" ;;',
    '    -T|--table|-M|--modprobe) flags="$flags $1 $2"; shift ;;',
    `    --*) echo "${name}: unrecognized option '$1'" >&2 ;;`,
    `    -*) echo "${name}: invalid option -- '\${1#-}'" >&2 ;;`,
    // Two of them are as many too many.
    '    *) [ -z "$file" ] || { echo "Unknown arguments found on commandline" >&2; exit 1; }; file=$1 ;;',
    '  esac',
    '  shift',
    'done',
    'if [ -n "$file" ] && [ ! -r "$file" ]; then',
    '  echo "Can\'t open $file: No such file or directory" >&2; exit 1',
    'fi',
    'input=$(mktemp); trap \'rm -f "$input"\' EXIT',
    // What stands behind an option and negates it, the real one takes before it only.
    `sed -E 's/ (-[sdiop]|--[a-z-]+) ! / ! \\1 /g' \${file:+"$file"} >"$input"`,
    ...refused.flatMap(({ pattern, why }) => [
      `line=$(grep -nE -m1 -e '${pattern}' "$input" | cut -d: -f1)`,
      'if [ -n "$line" ]; then',
      // Tables before it are written already.
      '  done=$(head -n "$line" "$input" | grep -n "^COMMIT" | tail -n1 | cut -d: -f1)',
      `  [ -z "$done" ] || head -n "$done" "$input" | XTABLES_LOCKFILE="$input.lock" ${real(base, '-restore', old)} $flags`,
      `  rm -f "$input.lock"; printf '%s\\n\\n%s\\n' "$banner: ${why}" "Error occurred at line: $line" >&2`,
      `  echo "Try \\\`${name} -h' or '${name} --help' for more information." >&2`,
      '  exit 2',
      'fi',
    ]),
    ...handOn(name, real(base, '-restore', old), '$flags <"$input"', old),
  ];
}
