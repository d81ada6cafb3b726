import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually } from './deadline.js';

const NATIVE = join(import.meta.dirname, '../../native');

/** Without a C++ compiler and make there are none; on a machine that is to have them (`CI`), their specs fail. */
export const HAND_OVER_PEERS_MISSING =
  process.env.CI === undefined &&
  [process.env.CXX ?? 'g++', 'make'].some((program) => spawnSync(program, ['--version']).status !== 0);

/** Builds both, where that isn't done. */
export function buildHandOverPeers(): void {
  execFileSync('make', ['-s', '-C', NATIVE, 'hand-over-peers']);
}

/**
 * The other end of a relay's hand-over, which does what it is told: `native/test/hand-over-successor.cpp` and
 * `hand-over-predecessor.cpp` say what that may be. It ends with the test, or with `end`.
 */
export class HandOverPeer {
  #heard: readonly string[] = [];

  private constructor(
    private readonly input: NodeJS.WritableStream,
    readonly end: () => Promise<void>,
  ) {}

  static start(which: 'successor' | 'predecessor', ...argv: readonly string[]): HandOverPeer {
    const child = spawn(join(NATIVE, `build/hand-over-${which}`), argv, {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    const peer = new HandOverPeer(child.stdin, async () => {
      child.stdin.end();
      await closed;
    });
    let text = '';
    child.stdout.on('data', (data) => {
      text += String(data);
      peer.#heard = text.split('\n').slice(0, -1);
    });
    onTestFinished(peer.end);
    return peer;
  }

  /** The next line it says. */
  async line(ms?: number): Promise<string> {
    await eventually(() => {
      if (this.#taken >= this.#heard.length) throw new Error('it says nothing');
    }, ms);
    this.#taken += 1;
    return this.#heard[this.#taken - 1] ?? '';
  }

  #taken = 0;

  /** What it says when it has done that. */
  tell(command: string): Promise<string> {
    this.input.write(`${command}\n`);
    return this.line();
  }
}
