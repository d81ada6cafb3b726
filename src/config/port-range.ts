import { invalid, type Parsed, valid } from './parsed.js';
import type { PortRange } from './proxy-config.js';

const HIGHEST_PORT = 65_535;

const FORM = /^(\d{1,10})(?:([-+])(\d{1,10}))?$/;

/**
 * A port range as kube-proxy's `--proxy-port-range` takes it: `begin-end` with both included, `begin+offset`, or a
 * single port. Nothing, `0` and `0-0` are null: the kernel chooses.
 *
 * kube-proxy reads any range that begins with 0 as "any port"; here `0-100` is refused, for whoever wrote it meant
 * something else.
 */
export function parsePortRange(text: string): Parsed<PortRange | null> {
  const trimmed = text.trim();
  if (trimmed === '') return valid(null);
  const [form, begin = '', separator, end = ''] = FORM.exec(trimmed) ?? [];
  if (form === undefined) {
    return invalid(text, 'is not a port range; give one such as 30000-32767, 30000+99, 30000, or 0 for any');
  }
  const first = Number(begin);
  const last = lastPort(first, separator, Number(end));
  if (first > HIGHEST_PORT || last > HIGHEST_PORT) {
    return invalid(text, `has a port above ${HIGHEST_PORT}`);
  }
  if (last < first) return invalid(text, 'ends before it begins');
  if (first > 0) return valid({ first, last });
  return last === 0 ? valid(null) : invalid(text, 'begins with port 0; 0 alone stands for any port');
}

function lastPort(first: number, separator: string | undefined, second: number): number {
  if (separator === '-') return second;
  return separator === '+' ? first + second : first;
}

/** The range as {@link parsePortRange} takes it: `30000-32767`, `30000`, and `0-0` for any. */
export function formatPortRange(range: PortRange | null): string {
  if (range === null) return '0-0';
  return range.first === range.last ? `${range.first}` : `${range.first}-${range.last}`;
}
