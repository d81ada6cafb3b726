import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RelayPeer, RelayProgram } from '../../support/relay-program.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

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

/** A user namespace in which this user is 0, and nobody else is anybody (user_namespaces(7)). */
const IN_USER_NAMESPACE = ['unshare', '--user', '--map-root-user'] as const;
const [UNSHARE, ...UNSHARE_ARGV] = IN_USER_NAMESPACE;
const hasUserNamespaces = spawnSync(UNSHARE, [...UNSHARE_ARGV, 'true']).status === 0;

/** Its greeting, and that it opens a portal. */
async function expectToServe(path: string): Promise<string> {
  const peer = await RelayPeer.connect(path);
  onTestFinished(() => peer.end());
  const [greeting = ''] = await peer.lines(1);
  await peer.ask(1, '1 hello 1\n');
  const [opened] = await peer.ask(2, '2 portal a udp 127.0.0.1 0 affinity=none endpoints=0\n');
  expect(opened).toMatch(/^2 ok 127\.0\.0\.1 \d+$/);
  return greeting;
}

describe.skipIf(NATIVE_RELAY_MISSING)('the relay program (skipped where it is not built)', () => {
  it('serves without a system call filter where it is told to, and says so', async () => {
    const path = join(temporaryDirectory(), 'relay.sock');
    const { pid } = await startRelayProgram(path, '--no-seccomp');
    expect(await expectToServe(path)).toMatch(/ seccomp=off$/);
    for (const status of threadsOf(pid)) {
      expect(status.get('Seccomp')).toBe('0');
      expect(status.get('CapEff')).toBe(NO_CAPABILITIES);
    }
  });

  it.skipIf(!hasUserNamespaces)(
    'goes on as user 0 without capabilities where nobody else can be had (needs user namespaces)',
    async () => {
      const path = join(temporaryDirectory(), 'relay.sock');
      const argv = [...UNSHARE_ARGV, NATIVE_RELAY, '--threads', '2', '--socket', path];
      const child = spawn(UNSHARE, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
      onTestFinished(() => void child.kill('SIGKILL'));
      await eventually(async () => (await RelayPeer.connect(path)).end());
      expect(await expectToServe(path)).toContain(' uid=0 ');
      const threads = threadsOf(child.pid ?? 0);
      expect(threads.length).toBeGreaterThanOrEqual(3);
      for (const status of threads) {
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          expect([set, status.get(set)]).toEqual([set, NO_CAPABILITIES]);
        expect(status.get('NoNewPrivs')).toBe('1');
      }
    },
  );
});
