import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ChildProcesses, nextMessage } from './child-processes.js';
import type { Load } from './loads/load.js';
import { type Answer, type HeldIdle, isMessage, type Measured, type Order } from './messages.js';
import type { RunningPeer } from './peer.js';

const CLIENT_PROCESS = fileURLToPath(new URL('./client-process.js', import.meta.url));

/** How much of a window's length comes before it, unmeasured. */
const WARM_UP_SHARE = 0.2;

/** How long an order may take longer than its windows, ms. */
const PATIENCE_MS = 15_000;

/** The client process. It does one thing at a time. */
export class LoadClient {
  readonly #child: ChildProcess;

  constructor(
    private readonly children: ChildProcesses,
    private readonly windowMs: number,
  ) {
    this.#child = children.fork(CLIENT_PROCESS);
  }

  /** Lets a load run against a peer for one window. @throws Error where any part of it failed. */
  measure(load: Load, { addresses, pids }: RunningPeer): Promise<Measured> {
    const { windowMs } = this;
    const warmUpMs = windowMs * WARM_UP_SHARE;
    return this.#ask<Measured>(
      { kind: 'measure', load, at: addresses, warmUpMs, windowMs, pids },
      'measured',
      load.kind,
    );
  }

  /** Bytes that the peer grows by for an idle connection, or null where the system does not tell. */
  async holdIdle(connections: number, { addresses, pids }: RunningPeer): Promise<number | null> {
    const order: Order = { kind: 'hold-idle', connections, at: addresses, pids };
    return (await this.#ask<HeldIdle>(order, 'held-idle', 'memory')).bytesPerConnection;
  }

  stop(): Promise<void> {
    return this.children.stop(this.#child);
  }

  async #ask<A extends Answer>(order: Order, expected: A['kind'], what: string): Promise<A> {
    const answered = nextMessage(this.#child, what, this.windowMs * (1 + WARM_UP_SHARE) + PATIENCE_MS);
    this.#child.send(order);
    const answer = await answered;
    if (isMessage<A>(answer, [expected])) return answer;
    if (isMessage<Extract<Answer, { kind: 'failed' }>>(answer, ['failed'])) {
      throw new Error(`${what}: ${answer.message}`);
    }
    throw new Error(`${what}: the client process answered something else`);
  }
}
