import type { CommandResult } from '../../../src/host/command-runner.js';
import type { Refusal } from './refusal.js';
import type { Variant } from './rule.js';

/** A program that speaks. */
export interface Speaker {
  /** `iptables-restore`: what it calls itself. */
  readonly name: string;
  readonly variant: Variant;
  /** As it names itself before its words: `iptables-restore v1.8.9 (legacy)`. */
  readonly banner: string;
}

/** Where in what iptables-restore reads something is refused; the last line of a table is that of its COMMIT. */
export interface RefusedLine {
  readonly line: number;
  readonly commit: number;
}

/** What iptables-restore 1.8.9 prints of a refusal, and exits with. */
export function restoreRefused(
  refusal: Refusal,
  speaker: Speaker,
  { line, commit }: RefusedLine,
): CommandResult {
  const { kind, message, details } = refusal;
  const { name, variant, banner } = speaker;
  const isNft = variant === 'nft';
  const usage = (words: string, at: number): CommandResult =>
    failed(2, `${words}\nError occurred at line: ${at}\n${seeHelp(name)}`);
  switch (kind) {
    case 'usage':
      return usage(`${banner}: ${message}`, line);
    case 'bare':
      return usage(message, line);
    case 'target':
      return isNft
        ? usage(`${banner}: Chain '${message}' does not exist`, commit)
        : usage(`${banner}: ${cannotLoad(message)}`, line);
    case 'table':
      return usage(
        isNft
          ? `${banner}: ${name}: line ${line} table name '${message}' invalid`
          : `${banner}: ${name}: unable to initialize table '${message}'`,
        line,
      );
    case 'policy':
      return failed(
        1,
        isNft
          ? `${name}: line ${line} failed: ${message}.\n`
          : `${banner}: Can't set policy \`${details?.reason}' on \`${details?.object}' line ${line}: ${message}\n`,
      );
    case 'rule':
      return failed(
        1,
        isNft ? `${name}: line ${line} failed: ${message}\n` : `${name}: line ${line} failed\n`,
      );
    case 'kernel':
      if (!isNft || details === null) return failed(1, `${name}: line ${commit} failed\n`);
      return failed(
        4,
        `${banner}: \nline ${line}: ${details.operation} failed (${details.reason}): ${details.object}\n`,
      );
  }
}

/** What iptables 1.8.9 prints of a refusal, and exits with. */
export function commandRefused(refusal: Refusal, speaker: Speaker): CommandResult {
  const { kind, message, details } = refusal;
  const { name, variant, banner } = speaker;
  const isNft = variant === 'nft';
  const usage = (words: string): CommandResult => failed(2, `${words}\n${seeHelp(name)}`);
  switch (kind) {
    case 'usage':
      return usage(`${banner}: ${message}`);
    case 'bare':
      return usage(message);
    case 'target':
      return usage(
        isNft ? `${banner}: Chain '${message}' does not exist` : `${banner}: ${cannotLoad(message)}`,
      );
    case 'table':
      return failed(
        3,
        `${banner}: ${
          isNft
            ? `table '${message}' does not exist`
            : `can't initialize ${name} table \`${message}': Table does not exist (do you need to insmod?)`
        }\nPerhaps ${name} or your kernel needs to be upgraded.\n`,
      );
    case 'policy':
    case 'rule':
      return failed(1, `${name}: ${message}\n`);
    case 'kernel':
      if (!isNft || details === null) return failed(1, `${name}: ${message}\n`);
      return failed(4, `${banner}:  ${details.operation} failed (${details.reason}): ${details.object}\n`);
  }
}

export function failed(exitCode: number, stderr: string): CommandResult {
  return { exitCode, stdout: '', stderr };
}

export function answered(stdout: string): CommandResult {
  return { exitCode: 0, stdout, stderr: '' };
}

export function seeHelp(name: string): string {
  return `Try \`${name} -h' or '${name} --help' for more information.\n`;
}

/** As a program says of a match or a target that it does not have. */
export function cannotLoad(name: string, what: 'match' | 'target' = 'target'): string {
  return `Couldn't load ${what} \`${name}':No such file or directory\n`;
}
