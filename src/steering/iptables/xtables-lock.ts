import type { Command } from '../../host/command-runner.js';

/** Where iptables from 1.6.0 on holds its lock (`xshared.c`). */
const LOCK_FILE = '/run/xtables.lock';

/**
 * A release that takes the lock itself, though its version could not be read, would wait for us: it is given another file
 * (`XTABLES_LOCKFILE`, which newer releases know).
 */
const NOBODYS_LOCK_FILE = '/dev/null';

/** How long another program may hold a lock, s. */
const WAIT_SECONDS = 5;

/** What iptables itself exits with where another program holds the lock (`RESOURCE_PROBLEM`). */
export const LOCK_HELD_EXIT_CODE = 4;

/**
 * Takes both locks and becomes the program: they are free again when that ends, however it ends. The abstract socket,
 * `@xtables`, is the lock of 1.4.20 and 1.4.21 (`bind` with the name's exact length), the file that of later releases.
 * `$^F` keeps the two open over `exec`. Where there is no place for the file, nobody holds a lock there. It is for its owner
 * alone, as iptables makes it: whoever may open it may hold the lock.
 */
const PERL_LOCK = `
use strict; use Socket; use Fcntl qw(:DEFAULT :flock);
$^F = 255;
my ($path, $seconds) = (shift, shift);
my $until = time + $seconds;
sub held { print STDERR "Another app is currently holding the xtables lock: $_[0]\\n"; exit ${LOCK_HELD_EXIT_CODE} }
my $file;
if (sysopen($file, $path, O_RDWR | O_CREAT, 0600)) {
  until (flock($file, LOCK_EX | LOCK_NB)) { held($path) if time >= $until; select(undef, undef, undef, 0.05) }
}
socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\\n";
until (bind($socket, pack_sockaddr_un("\\0xtables"))) { held('@xtables') if time >= $until; select(undef, undef, undef, 0.05) }
$ENV{XTABLES_LOCKFILE} = '${NOBODYS_LOCK_FILE}';
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\\n";
`;

/**
 * The same with the file only, and `flock`: that of BusyBox knows no time to wait, and the oldest ones no exit code of its
 * own for it. The shell becomes the program, too, and keeps the file open.
 */
const SHELL_LOCK = `
flock=$1 path=$2 seconds=$3; shift 3
if (umask 077; : >>"$path") 2>/dev/null; then
  exec 9>>"$path"
  until "$flock" -n 9; do
    if [ "$seconds" -le 0 ]; then
      echo "Another app is currently holding the xtables lock: $path" >&2
      exit ${LOCK_HELD_EXIT_CODE}
    fi
    sleep 1; seconds=$((seconds - 1))
  done
fi
XTABLES_LOCKFILE=${NOBODYS_LOCK_FILE} exec "$@"
`;

/** Programs that can take locks; null for what is not there. */
export interface LockPrograms {
  readonly perl: string | null;
  readonly flock: string | null;
}

/**
 * The same command under the locks that other iptables programs of its time take: for an `iptables-restore` that takes
 * none. With `perl` both of them are taken, with `flock` the file only; without either the command is as it was.
 */
export function underXtablesLock(command: Command, programs: LockPrograms): Command {
  const { program, args } = command;
  if (programs.perl !== null) {
    return {
      ...command,
      program: programs.perl,
      args: ['-e', PERL_LOCK, LOCK_FILE, String(WAIT_SECONDS), program, ...args],
    };
  }
  if (programs.flock === null) return command;
  const own = [programs.flock, LOCK_FILE, String(WAIT_SECONDS)];
  return { ...command, program: '/bin/sh', args: ['-c', SHELL_LOCK, 'sh', ...own, program, ...args] };
}
