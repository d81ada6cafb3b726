import type { AffinityBinding, RelayProcessFigures } from '../engine.js';
import { malformed } from './relay-protocol.js';
import { endpointOf, wholeNumber } from './relay-replies.js';

/**
 * What follows `ok` in the answer to `process`: `KEY=VALUE` words in any order. Those that are not known here are left out: the
 * relay may be newer.
 *
 * @throws KubeSpliceError `RELAY_MALFORMED`.
 */
export function parseProcess(text: string): RelayProcessFigures {
  const words = new Map<string, string>();
  for (const word of text.split(' ')) {
    const [key, value, ...more] = word.split('=');
    if (key === undefined || value === undefined || more.length > 0 || words.has(key)) throw malformed(text);
    words.set(key, value);
  }
  const number = (key: string): number => wholeNumber(words.get(key), text);
  return {
    pid: number('pid'),
    version: words.get('version') ?? null,
    cpuSeconds: number('cpu-us') / 1_000_000,
    residentBytes: number('resident-bytes'),
    openFiles: number('open-files'),
    openFileLimit: number('open-file-limit'),
    threads: number('threads'),
    startedAt: number('started-ms'),
  };
}

/**
 * What follows `ok` in the answer to `affinity`: `ENDPOINT MS`, or nothing.
 *
 * @throws KubeSpliceError `RELAY_MALFORMED`.
 */
export function parseBond(text: string): AffinityBinding | null {
  if (text === '') return null;
  const [to, ms, ...more] = text.split(' ');
  if (more.length > 0) throw malformed(text);
  return { endpoint: endpointOf(to, text).key, remainingMs: wholeNumber(ms, text) };
}
