import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { within } from './deadline.js';

/** Node sends no urgent data (send(2), MSG_OOB); perl does. It says `sent`, then reads up to the relay's FIN. */
const SCRIPT = `
  use strict; use Socket; $| = 1;
  my ($port, $before, $after, $fin) = @ARGV;
  socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
  connect($s, sockaddr_in($port, INADDR_LOOPBACK)) or die $!;
  sub whole { my $left = shift; while (length $left) { my $n = send($s, $left, 0) or die $!; substr($left, 0, $n) = '' } }
  whole('x' x $before);
  send($s, '!', MSG_OOB) or die $!;
  whole($after);
  shutdown($s, 1) if $fin;
  print "sent\\n";
  1 while sysread($s, my $bytes, 65536);
`;

/** Sends `before` bytes `x`, an urgent `!` and the text `after`, and a FIN where it is to end. It is killed with the test. */
export interface UrgentSender {
  /** Resolves when the kernel has taken all. */
  readonly sent: Promise<unknown>;
}

export function sendUrgentData(port: number, before: number, after: string, end: boolean): UrgentSender {
  const child = spawn('perl', ['-e', SCRIPT, String(port), String(before), after, end ? '1' : ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { sent: within('a client to send urgent data', once(child.stdout, 'data')) };
}
