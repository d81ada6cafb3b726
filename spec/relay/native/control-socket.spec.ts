import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, within } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RelayPeer } from '../../support/relay-program.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const ROUNDS = 10;
const AT_ONCE = 6;

/** A relay that may find another one on its path. */
class Contender {
  readonly #child: ChildProcess;
  #said = '';

  constructor(path: string) {
    this.#child = spawn(NATIVE_RELAY, ['--threads', '1', '--socket', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (text) => {
      this.#said += text;
    });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get said(): string {
    return this.#said;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await within('the end of the relay', ended);
  }
}

/** What the relay that answers on a path says first. */
async function greetingAt(path: string): Promise<string> {
  const peer = await RelayPeer.connect(path);
  const [greeting = ''] = await peer.lines(1);
  peer.end();
  return greeting;
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'the control socket of the relay program (skipped where it is not built)',
  () => {
    it('belongs to one relay, however many start at once where a dead one left it; the others say whose', async () => {
      const path = join(temporaryDirectory(), 'relay.sock');
      await (await startRelayProgram(path)).end('SIGKILL');
      for (let round = 0; round < ROUNDS; round += 1) {
        const contenders = Array.from({ length: AT_ONCE }, () => new Contender(path));
        await eventually(() => expect(contenders.filter(({ hasEnded }) => !hasEnded)).toHaveLength(1));
        const [living] = contenders.filter(({ hasEnded }) => !hasEnded);
        await eventually(async () => expect(await greetingAt(path)).toContain(` pid=${living?.pid} `));
        const said = `kube-splice-relay: ${path} is served already by process ${living?.pid}; stop that relay, or give another --socket\n`;
        for (const contender of contenders) {
          if (contender !== living) await eventually(() => expect(contender.said).toBe(said));
        }
        await living?.kill();
      }
    });

    it('has a lock beside it that is for its user alone, and stays', async () => {
      const path = join(temporaryDirectory(), 'relay.sock');
      const first = await startRelayProgram(path);
      const { ino, mode } = statSync(`${path}.lock`);
      expect(mode & 0o777).toBe(0o600);
      await first.end('SIGTERM');
      await startRelayProgram(path);
      expect(statSync(`${path}.lock`).ino).toBe(ino);
    });
  },
);
