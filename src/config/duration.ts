import { invalid, type Parsed, valid } from './parsed.js';

/** Nanoseconds. Both letters that are read as micro count: U+00B5 and U+03BC. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const TERM = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;
const MILLISECOND = 1_000_000n;

/** Go keeps a duration in an int64 of nanoseconds: 292 years. */
const LONGEST = 2n ** 63n - 1n;

/** Every duration up to {@link LONGEST} can be written in fewer characters: what is longer need not be computed. */
const LONGEST_TEXT = 100;

/**
 * A duration in Go's form, as `time.ParseDuration` takes it: numbers with a unit each, `250ms`, `1m30s`, `1.5h`,
 * `2h22m`; `0` needs none. Milliseconds; a fraction where the text names less, negative where it begins with `-`.
 */
export function parseDuration(text: string): Parsed<number> {
  const nanoseconds = text.length > LONGEST_TEXT ? undefined : parseNanoseconds(text);
  if (nanoseconds === undefined) {
    return invalid(text, 'is not a duration; give one such as 250ms or 1m30s');
  }
  if (nanoseconds > LONGEST || nanoseconds < -LONGEST - 1n) {
    return invalid(text, 'is too long for a duration; the longest is 292 years, 2562047h');
  }
  // Apart, for 292 years of nanoseconds are more than a number holds.
  return valid(Number(nanoseconds / MILLISECOND) + Number(nanoseconds % MILLISECOND) / Number(MILLISECOND));
}

/** A duration that something has to wait for: more than 0, in whole milliseconds, rounded up. */
export function parsePeriod(text: string): Parsed<number> {
  const timeout = parseTimeout(text);
  return timeout.ok && timeout.value === 0 ? invalid(text, 'must be more than 0') : timeout;
}

/** How long something may take: 0 or more, in whole milliseconds, rounded up. */
export function parseTimeout(text: string): Parsed<number> {
  const duration = parseDuration(text);
  if (!duration.ok) return duration;
  return duration.value < 0 ? invalid(text, 'must not be negative') : valid(Math.ceil(duration.value));
}

function parseNanoseconds(text: string): bigint | undefined {
  const negative = text.startsWith('-');
  const unsigned = negative || text.startsWith('+') ? text.slice(1) : text;
  if (unsigned === '0') return 0n;
  if (unsigned === '') return undefined;
  let total = 0n;
  let at = 0;
  while (at < unsigned.length) {
    TERM.lastIndex = at;
    const [term, whole = '', fraction = '', unit = ''] = TERM.exec(unsigned) ?? [];
    const size = UNITS[unit];
    if (term === undefined || size === undefined || (whole === '' && fraction === '')) return undefined;
    total += BigInt(whole) * size + (BigInt(fraction) * size) / 10n ** BigInt(fraction.length);
    at += term.length;
  }
  return negative ? -total : total;
}

/** Milliseconds as Go prints a duration, less the units that are zero: `250ms`, `1m30s`, `1.5s`, `15m`, `0s`. */
export function formatDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? '-' : '';
  const magnitude = Math.abs(milliseconds);
  if (magnitude === 0) return '0s';
  if (magnitude < 1_000) return `${sign}${decimal(magnitude)}ms`;
  const minutes = Math.floor(magnitude / 60_000);
  const rest = magnitude - minutes * 60_000;
  const hours = Math.floor(minutes / 60);
  const terms = [
    hours > 0 ? `${hours}h` : '',
    minutes % 60 > 0 ? `${minutes % 60}m` : '',
    rest > 0 ? `${decimal(rest / 1_000)}s` : '',
  ];
  return sign + terms.join('');
}

/** Nine places are nanoseconds of a second, and more than that of a millisecond: never an exponent. */
function decimal(value: number): string {
  return value.toFixed(9).replace(/\.?0+$/, '');
}
