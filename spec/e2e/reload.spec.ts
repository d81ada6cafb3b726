import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { RunningProgram, serviceManifest, WITHOUT_STEERING, writeManifest } from '../support/program.js';
import { echo, greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.84.2';
const MAIN = resolve(import.meta.dirname, '../../dist/main.js');
const NO_PYTHON = spawnSync('python3', ['--version']).status !== 0;

/** Runs a command in a terminal of its own, closes the terminal once the command has said `ready`, and prints how it ended. */
const CLOSE_THE_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b''
while b' ready;' not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

describe('SIGHUP', () => {
  it('opens the log file anew, so that one which was moved away is let go of, and no connection notices', async () => {
    const endpoint = await TcpEndpoint.listen(echo);
    const directory = temporaryDirectory();
    const logs = join(directory, 'logs');
    mkdirSync(logs);
    const manifest = writeManifest(
      join(directory, 'a.yaml'),
      serviceManifest('web', [endpoint.endpoint]),
      serviceManifest('idle', []),
    );
    const argv = ['--manifests', manifest, '--log-dir', logs, '--alsologtostderr'];
    const { program, portOf } = await start(argv);
    const client = await tcpConnect({ address: ADDRESS, port: await portOf('default/web:main') });
    await client.send('one');
    expect(await client.text(3)).toBe('one');
    const [log, moved] = [join(logs, 'kube-splice.log'), join(logs, 'moved')];
    renameSync(log, moved);
    program.signal('SIGHUP');
    const said = `SIGHUP received: read anew what="${manifest} (1 file, 3 objects); log file ${log}"`;
    await eventually(() => expect(readFileSync(log, 'utf8')).toContain(said));
    expect(program.stderr).toContain(said);
    expect(readFileSync(moved, 'utf8')).not.toContain(said);
    expect(readFileSync(moved, 'utf8')).toContain(' ready;');
    await client.send('two');
    expect(await client.text(3)).toBe('two');
    expect(existsSync(`${log}.1`)).toBe(false);
  });

  it('reads manifests at once; the last good state of one that is broken is served on', async () => {
    const endpoint = await TcpEndpoint.listen(greet('g'));
    const path = join(temporaryDirectory(), 'a.yaml');
    const sound = serviceManifest('web', [endpoint.endpoint]);
    writeManifest(path, sound);
    const { program, portOf } = await start(['--manifests', path]);
    writeFileSync(`${path}.new`, sound.replace('port: 80,', 'port: 70000,'));
    renameSync(`${path}.new`, path);
    program.signal('SIGHUP');
    await program.says(/SIGHUP received: read anew what=".*a\.yaml \(1 file, 2 objects, 1 problem\)"/);
    expect(program.stderr).toMatch(/a\.yaml:5: spec\.ports\[0\]\.port/);
    const client = await tcpConnect({ address: ADDRESS, port: await portOf('default/web:main') });
    expect(await client.text(1)).toBe('g');
    writeFileSync(path, sound);
    program.signal('SIGHUP');
    await program.says(/SIGHUP received: read anew what=".*a\.yaml \(1 file, 2 objects\)"/);
  });

  it.skipIf(NO_PYTHON)(
    'is an end where it means that the terminal was closed (skipped without python3)',
    () => {
      const logs = temporaryDirectory();
      const manifest = writeManifest(join(temporaryDirectory(), 'a.yaml'), serviceManifest('web', []));
      const argv = [MAIN, '--manifests', manifest, '--bind-address', ADDRESS, '--healthz-port', '0'];
      const logged = ['--log-dir', logs, '--alsologtostderr', ...WITHOUT_STEERING];
      const through = ['-c', CLOSE_THE_TERMINAL, process.execPath, ...argv, ...logged];
      const { stdout, stderr } = spawnSync('python3', through, { encoding: 'utf8', timeout: 20_000 });
      // By the signal itself, after an end in order.
      expect({ stdout, stderr }).toEqual({ stdout: '-1\n', stderr: '' });
      expect(readFileSync(join(logs, 'kube-splice.log'), 'utf8')).toMatch(/SIGHUP received; .* stopped/s);
    },
  );
});

async function start(argv: readonly string[]) {
  const proxy = await RunningProgram.start(ADDRESS, argv);
  return { program: proxy.program, portOf: (name: string) => proxy.portOf(name) };
}
