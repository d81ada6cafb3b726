import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { programSearch } from '../../../src/host/program-search.js';
import { eventually, within } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { cpuMsOf } from '../../support/process-cpu.js';
import { RelayPeer, RelayProgram } from '../../support/relay-program.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const MOST_PEERS = 8;
const PERL = programSearch(process.env.PATH)('perl');
/** Connects, takes no more replies (shutdown(2), SHUT_RD), says hello, and goes when its standard input ends. */
const DEAF = `
  socket(my $peer, AF_UNIX, SOCK_STREAM, 0) or die $!;
  connect($peer, pack_sockaddr_un($ARGV[0])) && shutdown($peer, 0) or die $!;
  $SIG{PIPE} = "IGNORE";
  syswrite($peer, "1 hello 1\n2 ping\n");
  syswrite(STDOUT, "said");
  sysread(STDIN, my $end, 1);`;

/** Asked for once each, far more than anybody keeps. */
const REQUESTS = 200_000;
/** What the relay keeps for a peer that does not read. */
const MOST_EVENT_BYTES = 1_024 * 1_024;
const EVENTS = 6_000;
/** Far less than the relay keeps. */
const BURST = 50;
const MOST_MS_BEHIND = 200;
const LONG_NAME = `a/${'x'.repeat(500)}`;

describe.skipIf(NATIVE_RELAY_MISSING)('peers of the relay program (skipped where it is not built)', () => {
  it.skipIf(PERL === null)(
    'that take no replies leave room for others when they go (needs perl)',
    async () => {
      const relay = await RelayProgram.start();
      for (let round = 0; round < 2; round += 1) {
        const deaf = Array.from({ length: MOST_PEERS }, () => new DeafPeer(relay.path));
        for (const peer of deaf) await within('a deaf peer', peer.said);
        await Promise.all(deaf.map((peer) => peer.go()));
        await eventually(async () => {
          const next = await relay.stranger();
          const [said] = await next.lines(1);
          next.end();
          expect(said).toMatch(/^kube-splice-relay 1 /);
        });
      }
    },
  );

  it('that always leave something unread make the relay keep no more than what they have not read', async () => {
    const relay = await RelayProgram.start();
    const opener = await relay.peer();
    await opener.ask(1, `1 portal ${LONG_NAME} tcp 127.0.0.1 0 affinity=none endpoints=0\n`);
    const peer = await relay.stranger();
    const [greeting = ''] = await peer.lines(1);
    await peer.ask(1, '1 hello 1\n');
    const before = peakKiBOf(relay.started.pid);
    peer.socket.removeAllListeners('data');
    let read = 0;
    const answered = new Promise<void>((resolve) => {
      peer.socket.on('data', (text) => {
        read += text.length;
        // Slower than it is answered, for as long as it has asked for more.
        peer.socket.pause();
        setImmediate(() => peer.socket.resume());
        if (String(text).endsWith(`9${REQUESTS} ok\n`)) resolve();
      });
    });
    let requests = '';
    for (let i = 1; i <= REQUESTS; i += 1) requests += `9${i} portals\n`;
    peer.send(requests);
    await within('all answers', answered, 60_000);
    expect(read).toBeGreaterThan(REQUESTS * LONG_NAME.length);
    // A sanitizer keeps what was given back, and is not filtered.
    const mayKeep = greeting.endsWith('seccomp=on') ? 16 * 1_024 : Number.POSITIVE_INFINITY;
    expect(peakKiBOf(relay.started.pid) - before).toBeLessThan(mayKeep);
  }, 90_000);

  it('that read no events are told how many they missed, and others miss none', async () => {
    const relay = await RelayProgram.start();
    const [reader, slow] = [await relay.peer(), await relay.peer()];
    const [read, missed] = [new CountedEvents(reader), new CountedEvents(slow)];
    const portal = `1 portal ${LONG_NAME} udp 127.0.0.1 0 affinity=none endpoints=0\n`;
    const [opened = ''] = await reader.ask(1, portal);
    for (const peer of [reader, slow]) await peer.ask(2, '2 events\n');
    slow.socket.pause();
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const port = Number(opened.split(' ')[3]);
    while (read.told < EVENTS) {
      const expected = read.told + BURST;
      for (let i = 0; i < BURST; i += 1) socket.send('x', port, '127.0.0.1');
      // On a busy machine the reader, or who tells it, may be behind: it would be a slow one, too. A datagram may be lost.
      for (let ms = 0; ms < MOST_MS_BEHIND && read.told < expected; ms += 1) await pause(1);
    }
    slow.socket.resume();
    await eventually(() => expect(missed.lost).toBeGreaterThan(0));
    await eventually(() => expect(missed.told + missed.lost).toBe(read.told + read.lost));
    expect(missed.told * LONG_NAME.length).toBeGreaterThan(MOST_EVENT_BYTES / 2);
    expect(read.lost).toBe(0);
  });

  it('that there is no file for wait, without the relay being busy, until there is one', async () => {
    const { pid, path } = await startWithFewestFiles();
    const peers: RelayPeer[] = [];
    const greeted = async (): Promise<boolean> => {
      const peer = await RelayPeer.connect(path);
      onTestFinished(() => peer.end());
      peers.push(peer);
      const said = await Promise.race([peer.lines(1), pause(500)]);
      return said !== undefined;
    };
    while (await greeted()) expect(peers.length).toBeLessThan(MOST_PEERS);
    expect(peers.length).toBeGreaterThan(1);
    const [before, waiting] = [cpuMsOf(pid), peers.at(-1)];
    await pause(500);
    expect(cpuMsOf(pid) - before).toBeLessThan(100);
    peers[0]?.end();
    await within(
      'the greeting',
      eventually(() => expect(waiting?.socket.bytesRead).toBeGreaterThan(0)),
    );
  });
});

/** The events that a peer was told, and those that it was told to have missed. */
class CountedEvents {
  told = 0;
  lost = 0;
  #partial = '';

  constructor({ socket }: RelayPeer) {
    socket.on('data', (text: string) => {
      const lines = (this.#partial + text).split('\n');
      this.#partial = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('* failure ')) this.told += 1;
        this.lost += Number(/^\* lost (\d+)$/.exec(line)?.[1] ?? 0);
      }
    });
  }
}

/** A peer that never takes a reply. */
class DeafPeer {
  readonly #child;
  /** It has said hello, and has been noticed to take no reply. */
  readonly said: Promise<void>;
  readonly #gone: Promise<void>;

  constructor(path: string) {
    this.#child = spawn(PERL ?? '', ['-MSocket', '-e', DEAF, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void this.#child.kill());
    this.said = new Promise((resolve) => this.#child.stdout.once('data', () => resolve()));
    this.#gone = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  go(): Promise<void> {
    this.#child.stdin.end();
    return this.#gone;
  }
}

/** A relay that has files for a few peers and no more. */
async function startWithFewestFiles(): Promise<{ readonly pid: number; readonly path: string }> {
  const path = join(temporaryDirectory(), 'relay.sock');
  const limited = 'ulimit -n 14 && exec "$@"';
  const argv = [NATIVE_RELAY, '--threads', '1', '--socket', path];
  const child = spawn('/bin/sh', ['-c', limited, 'sh', ...argv], { stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await eventually(() => expect(existsSync(path)).toBe(true));
  return { pid: child.pid ?? 0, path };
}

/** The most memory that a process had, KiB (proc_pid_status(5)). */
function peakKiBOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
