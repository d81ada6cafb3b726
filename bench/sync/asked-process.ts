import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ChildProcesses, nextMessage } from '../child-processes.js';
import { isMessage } from '../messages.js';
import type { Failed } from './messages.js';

/** A process of the bench that does one thing at a time, and answers when it has. */
export class AskedProcess<Order extends { readonly kind: string }> {
  readonly #child: ChildProcess;
  readonly #children: ChildProcesses;
  readonly #name: string;

  /**
   * @param module its file, from this one.
   * @param through a command that runs another one, and becomes its process; none where it is empty.
   */
  constructor(children: ChildProcesses, name: string, module: string, through: readonly string[] = []) {
    this.#children = children;
    this.#name = name;
    this.#child = children.fork(fileURLToPath(new URL(module, import.meta.url)), through);
  }

  /** Its process id. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name}: it was not started`);
    return this.#child.pid;
  }

  send(order: Order): void {
    this.#child.send(order);
  }

  /** The next message, which has to be of this kind. @throws Error where it is not, or does not come in time. */
  async next<A extends { readonly kind: string }>(kind: A['kind'], deadlineMs: number): Promise<A> {
    const message = await nextMessage(this.#child, this.#name, deadlineMs);
    if (isMessage<A>(message, [kind])) return message;
    if (isMessage<Failed>(message, ['failed'])) throw new Error(`${this.#name}: ${message.message}`);
    throw new Error(`${this.#name}: it answered something else than ${kind}`);
  }

  /** Sends an order and waits for its answer. */
  async ask<A extends { readonly kind: string }>(
    order: Order,
    kind: A['kind'],
    deadlineMs: number,
  ): Promise<A> {
    const answered = this.next<A>(kind, deadlineMs);
    this.send(order);
    return answered;
  }

  stop(): Promise<void> {
    return this.#children.stop(this.#child);
  }
}
