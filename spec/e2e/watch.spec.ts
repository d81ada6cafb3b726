import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { RunningProgram, serviceManifest } from '../support/program.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.84.9';

/**
 * Runs a command on a terminal of 80 columns and 24 rows. Once a service port is shown the terminal becomes one of 10 rows, and once
 * that is seen to be too few, Ctrl-C is typed. Prints all that was written, then the exit code.
 */
const LOOK_ON_A_TERMINAL = `
import fcntl, os, pty, select, struct, sys, termios, time
end = time.monotonic() + 20
pid, terminal = pty.fork()
if pid == 0:
    time.sleep(0.2)
    os.execvp(sys.argv[1], sys.argv[1:])
def resize(rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, 80, 0, 0))
said = b''
def until(word):
    global said
    while word not in said:
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            sys.exit('never said ' + repr(word) + ': ' + repr(said))
        said += os.read(terminal, 65536)
resize(24)
until(b'default/web-19:main')
before = len(said)
resize(10)
until(b' more below')
os.write(terminal, b'\\x03')
try:
    while True:
        more = os.read(terminal, 65536)
        if not more:
            break
        said += more
except OSError:
    pass
sys.stdout.buffer.write(said)
print('exit', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 'resized at', before)
`;

it('status --watch draws in place on a real terminal, follows its size, and leaves it as it was', async () => {
  const endpoint = await TcpEndpoint.listen(greet('g'));
  const manifest = join(temporaryDirectory(), 'a.yaml');
  const names = Array.from({ length: 20 }, (_, index) => `web-${index}`);
  writeFileSync(manifest, names.map((name) => serviceManifest(name, [endpoint.endpoint])).join('---\n'));
  await RunningProgram.start(ADDRESS, ['--manifests', manifest]);

  const argv = ['dist/main.js', 'status', '--watch', '--interval=200ms', '--healthz-bind-address', ADDRESS];
  const { stdout } = await promisify(execFile)('python3', [
    '-c',
    LOOK_ON_A_TERMINAL,
    process.execPath,
    ...argv,
  ]);
  expect(stdout).toMatch(/exit 0 resized at \d+\n$/);
  // The alternate screen, and back to what was there before.
  expect(stdout.startsWith('\u001b[?1049h')).toBe(true);
  expect(stdout).toContain('\u001b[?1049lexit 0');
  const resizedAt = Number(/resized at (\d+)/.exec(stdout)?.[1]);
  const [first, last] = [stdout.slice(0, resizedAt), stdout.slice(resizedAt)];
  const looks = (text: string): readonly string[] => text.split('\u001b[H').slice(1);
  expect(looks(first)[0]).toContain('20 service ports, 0 with trouble');
  for (const look of looks(first)) expect(look.split('\r\n').length).toBeLessThanOrEqual(24);
  expect(looks(last).at(-1)?.split('\r\n')).toHaveLength(10);
  expect(looks(last).at(-1)).toContain('15 more below');
  // Nothing is wiped before it is drawn over.
  expect(stdout).not.toContain('\u001b[2J');
});
