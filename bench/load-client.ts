import { type ChildProcesses, nextLine } from './child-processes.js';
import { type Load, orderFor } from './loads.js';
import { type HeldIdle, isMessage, type Measured } from './messages.js';
import type { RunningPeer } from './peer.js';
import type { SocketAddress } from './services.js';

/** How much of a window's length comes before it, unmeasured. */
const WARM_UP_SHARE = 0.2;

/** How long an order may take longer than its windows, ms. */
const PATIENCE_MS = 15_000;

/** Lets the load program make a load, in a process of its own each time: none finds what another one left. */
export class LoadClient {
  constructor(
    private readonly children: ChildProcesses,
    /** What `buildLoadProgram` made. */
    private readonly loadProgram: string,
    private readonly windowMs: number,
  ) {}

  /** Lets a load run against a peer for one window. @throws Error where any part of it failed. */
  measure(load: Load, { addresses, pids }: RunningPeer): Promise<Measured> {
    const { work, service, connections, perSecond } = orderFor(load);
    const args = [
      ...common(addresses[service], connections, pids),
      `warm-up-ms=${Math.max(1, Math.round(this.windowMs * WARM_UP_SHARE))}`,
      `window-ms=${Math.round(this.windowMs)}`,
      ...(perSecond === undefined ? [] : [`per-second=${perSecond}`]),
    ];
    return this.#ask<Measured>([work, ...args], 'measured', load.kind);
  }

  /** Bytes that the peer grows by for an idle connection, or null where it has no process. */
  async holdIdle(connections: number, { addresses, pids }: RunningPeer): Promise<number | null> {
    const args = common(addresses.requests, connections, pids);
    return (await this.#ask<HeldIdle>(['idle', ...args], 'held-idle', 'memory')).bytesPerConnection;
  }

  async #ask<A extends Measured | HeldIdle>(
    args: readonly string[],
    expected: A['kind'],
    what: string,
  ): Promise<A> {
    const child = this.children.spawn(this.loadProgram, args);
    try {
      const line = await nextLine(child, what, this.windowMs * (1 + WARM_UP_SHARE) + PATIENCE_MS);
      const answer: unknown = JSON.parse(line);
      if (isMessage<A>(answer, [expected])) return answer;
      throw new Error(`${what}: the load program answered something else`);
    } finally {
      // It ends by itself after its answer; the next load begins when its sockets are closed.
      await this.children.stop(child);
    }
  }
}

function common({ address, port }: SocketAddress, connections: number, pids: readonly number[]) {
  return [`at=${address}:${port}`, `connections=${connections}`, `pids=${pids.join(',')}`];
}
