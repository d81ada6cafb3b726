import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemErrorCode } from '../../src/model/errors.js';
import { ByteStream, type Digest, Digester } from './byte-stream.js';
import { DEADLINE_MS, within } from './deadline.js';

/** How the other side ended what it sends: in order, or by a reset. */
export type Ending = 'fin' | 'reset';

const NOTHING = Buffer.alloc(0);
const PROBE_INTERVAL_MS = 10;

/**
 * One side of a TCP connection, half-closable, that tells exactly what arrived and how it ended. Every wait has a
 * deadline. It is destroyed when the test ends.
 */
export class TcpPeer {
  readonly #unread: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  #finished = false;
  #failure: string | undefined;
  #consume = (chunk: Buffer): void => void this.#unread.push(chunk);

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#consume(chunk);
      this.#changed();
    });
    socket.on('end', () => this.#endReported());
    socket.on('error', (error) => {
      this.#failure = systemErrorCode(error) ?? error.message;
      this.#changed();
    });
    socket.on('drain', () => this.#changed());
    socket.on('close', () => this.#changed());
    onTestFinished(() => void socket.destroy());
  }

  /** Bytes that arrived and were read from the socket. */
  get bytesReceived(): number {
    return this.socket.bytesRead;
  }

  /** Whether the connection failed: a reset by the other side, since nothing else can happen on loopback. */
  get wasReset(): boolean {
    return this.#failure !== undefined;
  }

  /** Bytes that this side's kernel has taken; what waits in this process is not among them. */
  get bytesAccepted(): number {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  /** Resolves when the kernel has taken the data. */
  async send(data: Buffer | string): Promise<void> {
    await within(
      'sending',
      new Promise<void>((resolve, reject) => {
        this.socket.write(data, (error) => (error ? reject(error) : resolve()));
      }),
    );
  }

  /**
   * Sends the first `length` bytes of a stream, never more than a piece ahead of the kernel. It has no deadline: a
   * reader that stops, stops it.
   *
   * @throws Error where the connection ends before all is sent.
   */
  async stream(seed: number, length: number): Promise<void> {
    const { socket } = this;
    for (const chunk of new ByteStream(seed).chunks(length)) {
      socket.write(chunk);
      await this.#holds('room', () => !socket.writableNeedDrain || socket.destroyed);
      if (socket.destroyed) throw new Error('the connection ended in the middle of the stream');
    }
  }

  /** Sends a FIN once everything before it is sent. */
  finish(): void {
    this.socket.end();
  }

  /** Sends a reset now. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  startReading(): void {
    this.socket.resume();
  }

  /** The next `bytes` bytes, no more. */
  async receive(bytes: number): Promise<Buffer> {
    await this.#until(`${bytes} bytes`, () => this.#unreadBytes() >= bytes);
    const all = Buffer.concat(this.#unread.splice(0));
    if (all.length > bytes) this.#unread.push(all.subarray(bytes));
    return all.subarray(0, bytes);
  }

  /** As `receive`, as text. */
  async text(bytes: number): Promise<string> {
    return (await this.receive(bytes)).toString('latin1');
  }

  /** Everything up to the other side's FIN. */
  async rest(): Promise<Buffer> {
    await this.#until('a FIN', () => this.#finished);
    return this.unread();
  }

  /** Everything that has arrived so far, without waiting. */
  unread(): Buffer {
    return Buffer.concat(this.#unread.splice(0));
  }

  /** What arrives up to the other side's FIN, without keeping it. */
  async digest(ms = DEADLINE_MS): Promise<Digest> {
    const digester = new Digester();
    for (const chunk of this.#unread.splice(0)) digester.update(chunk);
    this.#consume = (chunk) => digester.update(chunk);
    await this.#until('a FIN', () => this.#finished, ms);
    return digester.digest();
  }

  /** Keeps nothing of what arrives from now on. */
  forget(): void {
    this.#consume = () => {};
  }

  /** How the other side ends, whatever it sends before. */
  async ending(ms = DEADLINE_MS): Promise<Ending> {
    await this.#until('an end', () => this.#finished || this.wasReset, ms, true);
    return this.wasReset ? 'reset' : 'fin';
  }

  /**
   * Resolves when the connection has been reset, after the other side's FIN too. Node does not watch a socket that has
   * received its FIN; writing nothing makes the kernel tell.
   */
  async resetNoticed(ms = DEADLINE_MS): Promise<void> {
    const probe = setInterval(() => this.socket.writable && this.socket.write(NOTHING), PROBE_INTERVAL_MS);
    try {
      await this.#until('a reset', () => this.wasReset, ms, true);
    } finally {
      clearInterval(probe);
    }
  }

  /**
   * Where data and a reset arrive together, libuv reads the data and reports the hang-up as an end. Writing nothing
   * tells the two apart: it fails after a reset.
   */
  #endReported(): void {
    const finished = (error?: Error | null): void => {
      this.#finished = !error;
      this.#changed();
    };
    if (this.socket.writable && this.socket.writableLength === 0) this.socket.write(NOTHING, finished);
    else finished();
  }

  #unreadBytes(): number {
    return this.#unread.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  #until(what: string, holds: () => boolean, ms = DEADLINE_MS, failureAllowed = false): Promise<void> {
    return within(
      `waiting for ${what}, ${this.#unreadBytes()} bytes unread`,
      this.#holds(what, holds, failureAllowed),
      ms,
    );
  }

  async #holds(what: string, holds: () => boolean, failureAllowed = false): Promise<void> {
    while (!holds()) {
      if (this.#failure !== undefined && !failureAllowed) throw new Error(`${this.#failure} before ${what}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Where to connect, and how. */
export interface TcpDial {
  readonly address: string;
  readonly port: number;
  /** The address to connect from; the kernel chooses otherwise. */
  readonly localAddress?: string;
  /** False for a client that reads nothing until told to. */
  readonly reading?: boolean;
}

/**
 * A client, once its connection is established, be it that it has been reset since: Node calls that `connect
 * ECONNRESET`.
 *
 * @throws Error of Node where it is not, `ECONNREFUSED` for instance.
 */
export async function tcpConnect(dial: TcpDial): Promise<TcpPeer> {
  const socket = connect({
    host: dial.address,
    port: dial.port,
    allowHalfOpen: true,
    ...(dial.localAddress === undefined ? {} : { localAddress: dial.localAddress }),
  });
  if (dial.reading === false) socket.pause();
  const peer = new TcpPeer(socket);
  try {
    await within(`connecting to ${dial.address} port ${dial.port}`, once(socket, 'connect'));
  } catch (error) {
    if (systemErrorCode(error) !== 'ECONNRESET') throw error;
  }
  return peer;
}
