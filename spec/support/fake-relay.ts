import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary-directory.js';

interface FakePortal {
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
  lines: string[];
}

const GREETING = 'kube-splice-relay 1 pid=4711 threads=2 files=1000 uid=65534 seccomp=on';

/**
 * Speaks native/PROTOCOL.md on a Unix socket and keeps the tables, but relays nothing: for specs of what kube-splice says, and
 * of relays that do what the real one never would.
 */
export class FakeRelay {
  readonly path = join(temporaryDirectory(), 'relay.sock');
  readonly portals = new Map<string, FakePortal>();
  /** The first line of every request, without its tag, oldest first. */
  readonly asked: string[] = [];
  /** What is answered to a request that begins so, instead of doing it: `error CODE TEXT`, or nothing where it is empty. */
  readonly answers = new Map<string, string>();
  /** `endpoint` lines and counters of a portal, as `counters` tells them. */
  readonly carried = new Map<string, readonly string[]>();
  greeting = GREETING;
  #server: Server | undefined;
  readonly #peers = new Set<Socket>();
  #nextPort = 30_001;

  /** Listening; it ends with the test. */
  static async start(): Promise<FakeRelay> {
    const relay = new FakeRelay();
    onTestFinished(() => relay.stop());
    await relay.listen();
    return relay;
  }

  async listen(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await once(server.listen(this.path), 'listening');
  }

  /** Gone, and its socket with it; what it kept is there when it listens again, unless `forget` is called. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.drop();
    if (server === undefined) return;
    await new Promise((resolve) => server.close(resolve));
    rmSync(this.path, { force: true });
  }

  forget(): void {
    this.portals.clear();
    this.asked.length = 0;
  }

  /** Ends every connection. */
  drop(): void {
    for (const peer of this.#peers) peer.destroy();
  }

  /** To every peer, whatever it is. */
  say(line: string): void {
    for (const peer of this.#peers) peer.write(`${line}\n`);
  }

  verbs(): string[] {
    return this.asked.map((line) => line.split(' ')[0] ?? '');
  }

  #serve(socket: Socket): void {
    this.#peers.add(socket);
    socket.on('close', () => this.#peers.delete(socket));
    socket.on('error', () => undefined);
    socket.write(`${this.greeting}\n`);
    let rest = '';
    let lines: string[] = [];
    let missing = 0;
    socket.setEncoding('latin1').on('data', (text: string) => {
      const received = (rest + text).split('\n');
      rest = received.pop() ?? '';
      for (const line of received) {
        if (missing === 0) {
          lines = [line];
          missing = Number(/ endpoints=(\d+)$/.exec(line)?.[1] ?? / keep (\d+)$/.exec(line)?.[1] ?? 0);
        } else {
          lines.push(line);
          missing -= 1;
        }
        if (missing === 0) this.#answer(socket, lines);
      }
    });
  }

  #answer(socket: Socket, lines: readonly string[]): void {
    const tag = lines[0]?.split(' ')[0] ?? '0';
    const [first = '', ...more] = lines.map((line) => line.slice(tag.length + 1));
    this.asked.push(first);
    const [, given] = [...this.answers].find(([begin]) => first.startsWith(begin)) ?? [];
    for (const line of given === '' ? [] : given === undefined ? this.#do(first, more) : [given]) {
      socket.write(`${tag} ${line}\n`);
    }
  }

  #do(first: string, more: readonly string[]): string[] {
    const [verb, name = '', protocol = '', address = '', port = ''] = first.split(' ');
    if (verb === 'portal') {
      const had = this.portals.get(name)?.port ?? 0;
      const got = Number(port) || had || this.#nextPort++;
      this.portals.set(name, { protocol, address, port: got, lines: [...more] });
      return [`ok ${address} ${got}`];
    }
    if (verb === 'route') {
      const portal = this.portals.get(name);
      if (portal === undefined) return [`error NO_PORTAL ${name}`];
      portal.lines = [...more];
    }
    if (verb === 'close') this.portals.delete(name);
    if (verb === 'keep') {
      const kept = new Set(more.map((line) => line.slice('name '.length)));
      for (const open of this.portals.keys()) if (!kept.has(open)) this.portals.delete(open);
    }
    if (verb === 'portals') {
      return [...this.portals]
        .map(([open, at]) => `portal ${open} ${at.protocol} ${at.address} ${at.port}`)
        .concat('ok');
    }
    if (verb === 'counters') return [...this.carried.values()].flat().concat('ok');
    return ['ok'];
  }
}
