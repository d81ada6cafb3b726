import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { programSearch } from '../../src/host/program-search.js';
import { eventually, within } from './deadline.js';
import { temporaryDirectory } from './temporary-directory.js';

const PERL = programSearch(process.env.PATH)('perl');
export const PERL_MISSING = process.env.CI === undefined && PERL === null;

/** Prints what was sent, each datagram a line: what is a line's end there is a tab here. */
const RECEIVE = `
use Socket;
$| = 1;
my $path = $ARGV[0];
$path =~ s/^\\@/\\0/;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_un($path)) or die "bind: $!";
print "bound\\n";
while (defined recv($socket, my $datagram, 65536, 0)) {
  $datagram =~ s/\\n/\\t/g;
  print "$datagram\\n";
}
`;

/** Sends a datagram as any other process would. */
const SEND = `
use Socket;
my ($path, $datagram) = @ARGV;
$path =~ s/^\\@/\\0/;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
send($socket, $datagram, 0, pack_sockaddr_un($path)) or die "send: $!";
`;

/** What a service manager has: a Unix datagram socket, and all that was sent to it. It is gone with the test. */
export class NotifyReceiver {
  /** Every notification so far, in order: the lines of each. */
  readonly notifications: (readonly string[])[] = [];

  private constructor(readonly address: string) {}

  /** @param address a path, or `@` and a name of the abstract namespace; a path of its own where left out. */
  static async start(address = join(temporaryDirectory(), 'notify')): Promise<NotifyReceiver> {
    const child = spawn(PERL ?? 'perl', ['-e', RECEIVE, address], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(child, 'close');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await closed;
    });
    const receiver = new NotifyReceiver(address);
    const lines = createInterface({ input: child.stdout });
    await within('the notify socket', once(lines, 'line'));
    lines.on('line', (line) => receiver.notifications.push(line.split('\t')));
    return receiver;
  }

  /** Every line of every notification. */
  get lines(): readonly string[] {
    return this.notifications.flat();
  }

  /** Resolves when a line has come that matches; with the last one that does. */
  async received(pattern: RegExp): Promise<string> {
    let found = '';
    await eventually(() => {
      const line = this.lines.findLast((candidate) => pattern.test(candidate));
      if (line === undefined)
        throw new Error(`not received: ${pattern}; received: ${this.lines.join(' | ')}`);
      found = line;
    }, 15_000);
    return found;
  }

  /** Resolves when all that was sent before has been received. */
  async drained(): Promise<void> {
    const marker = `MARKER=${this.notifications.length}`;
    execFileSync(PERL ?? 'perl', ['-e', SEND, this.address, marker]);
    await this.received(new RegExp(`^${marker}$`));
  }

  count(line: string): number {
    return this.lines.filter((candidate) => candidate === line).length;
  }
}
