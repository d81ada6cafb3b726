import { NotImitated, Refusal } from './refusal.js';
import type { PortRange } from './rule.js';

export const HIGHEST_PORT = 65_535;

/** What `--dport` takes: `80`, `80:90`, `:80`, `80:`. */
export function parsePorts(text: string): PortRange {
  const colon = text.indexOf(':');
  if (colon === -1) return { first: parsePort(text), last: parsePort(text) };
  const first = colon === 0 ? 0 : parsePort(text.slice(0, colon));
  const last = colon === text.length - 1 ? HIGHEST_PORT : parsePort(text.slice(colon + 1));
  if (first > last) throw new Refusal('usage', 'invalid portrange (min > max)');
  return { first, last };
}

/** What `--to-ports` takes: `80`, `80-90`. */
export function parseDashedPorts(text: string): PortRange {
  if (text.includes(':')) throw new Refusal('usage', 'Invalid port:port syntax - use dash');
  const [first = '', last = first] = text.split('-');
  return { first: parsePort(first), last: parsePort(last) };
}

/** A range between these two words; one port alone where there is no more in it. */
export function portsText({ first, last }: PortRange, between: ':' | '-'): string {
  return first === last ? String(first) : `${first}${between}${last}`;
}

export function isInRange(port: number, { first, last }: PortRange): boolean {
  return first <= port && port <= last;
}

function parsePort(text: string): number {
  if (/^[a-z]/.test(text)) throw new NotImitated(`the name of a port: ${text}`);
  if (!/^\d+$/.test(text) || Number(text) > HIGHEST_PORT)
    throw new Refusal('usage', `invalid port/service \`${text}' specified`);
  return Number(text);
}
