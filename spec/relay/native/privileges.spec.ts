import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { RelayProgram } from '../../support/relay-program.js';

const IS_ROOT = process.getuid?.() === 0;
const NO_CAPABILITIES = '0000000000000000';

/** The fields of each thread's status (proc(5)). */
function threadsOf(pid: number): Map<string, string>[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((thread) => {
    const lines = readFileSync(`${tasks}/${thread}/status`, 'utf8').trim().split('\n');
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
  });
}

const canRun = !NATIVE_RELAY_MISSING && IS_ROOT;

describe.skipIf(!canRun)(
  `the relay program's privileges (built: ${!NATIVE_RELAY_MISSING}, root: ${IS_ROOT})`,
  () => {
    it('are gone in every thread before the first byte is taken', async () => {
      const relay = await RelayProgram.start();
      const peer = await relay.stranger();
      const [greeting = ''] = await peer.lines(1);
      const threads = threadsOf(relay.started.pid);
      // A sanitizer has a thread of its own, and calls that no filter could know.
      const filtered = process.env.KUBE_SPLICE_RELAY === undefined || greeting.endsWith('seccomp=on');
      expect(threads.length).toBeGreaterThanOrEqual(3);
      for (const status of threads) {
        expect(status.get('Uid')).toBe('65534\t65534\t65534\t65534');
        expect(status.get('Gid')).toBe('65534\t65534\t65534\t65534');
        expect(status.get('Groups')).toBe('');
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          expect([set, status.get(set)]).toEqual([set, NO_CAPABILITIES]);
        expect(status.get('NoNewPrivs')).toBe('1');
        if (filtered) expect(status.get('Seccomp')).toBe('2');
      }
      expect(greeting).toContain(' uid=65534 ');
    });
  },
);
