import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually, within } from './deadline.js';
import { type StartedRelay, startRelayProgram } from './native-relay-program.js';
import { temporaryDirectory } from './temporary-directory.js';

/** `kube-splice-relay --socket` in a directory of its own, and peers that speak to it. It ends with the test. */
export class RelayProgram {
  private constructor(
    readonly path: string,
    readonly started: StartedRelay,
  ) {}

  static async start(path = join(temporaryDirectory(), 'relay.sock')): Promise<RelayProgram> {
    const started = await startRelayProgram(path, '--threads', '2');
    await eventually(async () => (await RelayPeer.connect(path)).end());
    return new RelayProgram(path, started);
  }

  /** A peer that has been greeted and has said hello. */
  async peer(): Promise<RelayPeer> {
    const peer = await this.stranger();
    await peer.lines(1);
    peer.send('0 hello 1\n');
    await peer.lines(1);
    return peer;
  }

  /** A peer that has said nothing yet. */
  async stranger(): Promise<RelayPeer> {
    const peer = await RelayPeer.connect(this.path);
    onTestFinished(() => peer.end());
    return peer;
  }
}

/** One connection to the program, by lines. */
export class RelayPeer {
  readonly #lines: string[] = [];
  #partial = '';
  #closed = false;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      const lines = (this.#partial + text).split('\n');
      this.#partial = lines.pop() ?? '';
      this.#lines.push(...lines);
    });
    socket.on('close', () => {
      this.#closed = true;
    });
    socket.on('error', () => undefined);
  }

  static connect(path: string): Promise<RelayPeer> {
    return within(
      `a connection to ${path}`,
      new Promise((resolve, reject) => {
        const socket = connect(path);
        socket.once('error', reject);
        socket.once('connect', () => resolve(new RelayPeer(socket)));
      }),
    );
  }

  /** One that is connected already. */
  static over(socket: Socket): RelayPeer {
    return new RelayPeer(socket);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** The next lines, as many as asked for. */
  async lines(count: number): Promise<string[]> {
    await eventually(() => {
      if (this.#lines.length < count)
        throw new Error(`${count} lines expected, ${this.#lines.length} came: ${this.#lines.join(' | ')}`);
    });
    return this.#lines.splice(0, count);
  }

  /** Sends it and gives what is answered up to the `ok` or error of `tag`. */
  async ask(tag: number, text: string): Promise<string[]> {
    this.send(text);
    const answered: string[] = [];
    for (;;) {
      const [line = ''] = await this.lines(1);
      answered.push(line);
      if (line.startsWith(`${tag} ok`) || line.startsWith(`${tag} error`)) return answered;
    }
  }

  end(): void {
    this.socket.destroy();
  }
}
