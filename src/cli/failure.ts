import type { ErrorCode, KubeSpliceError } from '../model/errors.js';

/** What was asked for can't be understood: the shell's convention for wrong usage. */
const USAGE_EXIT_CODE = 2;
const FAILURE_EXIT_CODE = 1;

const USAGE_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FLAG_INVALID',
  'FLAG_UNKNOWN',
  'CONFIG_UNREADABLE',
  'CONFIG_INVALID',
  'SOURCE_MISSING',
]);

/** The exit code of a program that ends with this error. */
export function exitCodeOf(error: KubeSpliceError): number {
  return USAGE_ERRORS.has(error.code) ? USAGE_EXIT_CODE : FAILURE_EXIT_CODE;
}

/** What a person at a terminal is told: what happened, and what to do about it. */
export function errorText(error: KubeSpliceError): string {
  return `kube-splice: ${error.message}\n${error.remedy} (${error.code})\n`;
}
