import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { NotifyReceiver, PERL_MISSING } from '../../support/notify-receiver.js';
import { RelayPeer } from '../../support/relay-program.js';
import { stopProcess } from '../../support/stopped-process.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const canRun = !NATIVE_RELAY_MISSING && !PERL_MISSING;
const about = `(built: ${!NATIVE_RELAY_MISSING}, perl: ${!PERL_MISSING})`;

/** The variables are this process's own while the relay is started, which inherits them. */
async function startNotifying(receiver: NotifyReceiver, variables: Readonly<Record<string, string>> = {}) {
  const all = { NOTIFY_SOCKET: receiver.address, ...variables };
  Object.assign(process.env, all);
  onTestFinished(() => {
    for (const name of Object.keys(all)) delete process.env[name];
  });
  const path = join(temporaryDirectory(), 'relay.sock');
  return { path, relay: await startRelayProgram(path) };
}

describe.skipIf(!canRun)(`the relay program and its service manager ${about}`, () => {
  it('says that it is ready when it serves, and what it has', async () => {
    const receiver = await NotifyReceiver.start();
    const { path } = await startNotifying(receiver);
    await receiver.received(/^READY=1$/);
    const peer = await RelayPeer.connect(path);
    onTestFinished(() => peer.end());
    const [greeting = ''] = await peer.lines(1);
    // A sanitizer has calls that no filter could know.
    if (process.env.KUBE_SPLICE_RELAY === undefined) expect(greeting).toContain('seccomp=on');
    // The peer may have come before it was said, or not.
    expect(await receiver.received(/^STATUS=/)).toMatch(
      /^STATUS=0 portals, 0 connections, 0 UDP sessions, [01] control connections$/,
    );
    expect(receiver.lines).not.toContain('WATCHDOG=1');
  });

  it('finds a socket of the abstract namespace', async () => {
    const receiver = await NotifyReceiver.start(`@kube-splice-spec-${process.pid}`);
    await startNotifying(receiver);
    await receiver.received(/^READY=1$/);
  });

  it('pings while it lives, and not while it is stopped', async () => {
    const receiver = await NotifyReceiver.start();
    const { relay } = await startNotifying(receiver, { WATCHDOG_USEC: '100000' });
    await eventually(() => expect(receiver.count('WATCHDOG=1')).toBeGreaterThan(3));
    const goOn = await stopProcess(relay.pid);
    await receiver.drained();
    const before = receiver.count('WATCHDOG=1');
    // Three pings' time.
    await new Promise((resolve) => setTimeout(resolve, 150));
    await receiver.drained();
    expect(receiver.count('WATCHDOG=1')).toBe(before);
    goOn();
    await eventually(() => expect(receiver.count('WATCHDOG=1')).toBeGreaterThan(before));
  });

  it('does not ping for another process', async () => {
    const receiver = await NotifyReceiver.start();
    await startNotifying(receiver, { WATCHDOG_USEC: '100000', WATCHDOG_PID: `${process.pid}` });
    await receiver.received(/^STATUS=/);
    expect(receiver.lines).not.toContain('WATCHDOG=1');
  });

  it('says that it ends, and how long that may take', async () => {
    const receiver = await NotifyReceiver.start();
    const { relay } = await startNotifying(receiver);
    await receiver.received(/^READY=1$/);
    await relay.end('SIGTERM');
    await receiver.received(/^STOPPING=1$/);
    await receiver.received(/^EXTEND_TIMEOUT_USEC=10000000$/);
    expect(receiver.count('STOPPING=1')).toBe(1);
  });

  it('serves where nobody listens at that socket', async () => {
    process.env.NOTIFY_SOCKET = join(temporaryDirectory(), 'nobody');
    onTestFinished(() => void delete process.env.NOTIFY_SOCKET);
    const path = join(temporaryDirectory(), 'relay.sock');
    await startRelayProgram(path);
    expect(statSync(path).isSocket()).toBe(true);
  });

  it('lets the group of its socket connect where it is asked to', async () => {
    const path = join(temporaryDirectory(), 'relay.sock');
    await startRelayProgram(path, '--socket-mode', '0660');
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const { status, stderr } = spawnSync(NATIVE_RELAY, ['--socket', path, '--socket-mode', '0666']);
    expect([status, String(stderr)]).toEqual([
      2,
      expect.stringContaining('--socket-mode takes 0600 or 0660'),
    ]);
  });
});

/** What Node has from it: the descriptor, and its own process. */
const WRITE = `
const { writeSync } = require('node:fs');
writeSync(Number(process.env.KUBE_SPLICE_NOTIFY_FD), 'READY=1\\nMAINPID=' + process.pid);
process.stdout.write(String(process.pid));
`;

describe.skipIf(!canRun)(`--notify-exec ${about}`, () => {
  it('becomes the program, with a socket to write to', async () => {
    const receiver = await NotifyReceiver.start();
    const { pid, stdout } = spawnSync(NATIVE_RELAY, ['--notify-exec', process.execPath, '-e', WRITE], {
      env: { ...process.env, NOTIFY_SOCKET: receiver.address },
    });
    expect(String(stdout)).toBe(`${pid}`);
    await receiver.received(/^READY=1$/);
    expect(receiver.notifications).toEqual([['READY=1', `MAINPID=${pid}`]]);
  });

  it('becomes the program where nobody is to be notified, and inherits no descriptor', () => {
    const script = 'echo "[$KUBE_SPLICE_NOTIFY_FD] $1"';
    const { stdout, stderr } = spawnSync(
      NATIVE_RELAY,
      ['--notify-exec', '/bin/sh', '-c', script, 'sh', 'a b'],
      {
        env: { KUBE_SPLICE_NOTIFY_FD: '1' },
      },
    );
    expect([String(stdout), String(stderr)]).toEqual(['[] a b\n', '']);
  });

  it('says so where the socket is not there, and goes on', () => {
    const { stdout, stderr } = spawnSync(NATIVE_RELAY, ['--notify-exec', '/bin/echo', 'on'], {
      env: { NOTIFY_SOCKET: '/nowhere' },
    });
    expect([String(stdout), String(stderr)]).toEqual(['on\n', expect.stringContaining('NOTIFY_SOCKET')]);
  });

  it('ends as a shell would where there is no such program', () => {
    const { status, stderr } = spawnSync(NATIVE_RELAY, ['--notify-exec', '/nowhere/program']);
    expect([status, String(stderr)]).toEqual([127, expect.stringContaining('/nowhere/program')]);
    expect(spawnSync(NATIVE_RELAY, ['--notify-exec']).status).toBe(2);
  });
});
