import { ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelayProcess } from '../../../src/relay/native/relay-process.js';
import { eventually, within } from '../../support/deadline.js';
import { openSockets } from '../../support/open-sockets.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { RecordingObserver } from '../../support/recording-observer.js';

const PROGRAM = join(import.meta.dirname, '..', '..', 'support', 'fake-relay-program.mjs');

/** How the program is started. */
type Spawn = (program: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

/** `EMFILE` of errno(3), as libuv tells it. */
const EMFILE = -24;

/** What Node makes of a start for which there are no files left: a child without any stream, and an event. */
const spawnWithoutFiles: Spawn = () => {
  const child = new ChildProcess();
  Reflect.set(Reflect.get(child, '_handle'), 'spawn', () => EMFILE);
  Reflect.apply(Reflect.get(child, 'spawn'), child, [
    { file: PROGRAM, args: [], stdio: ['pipe', 'pipe', 'pipe'] },
  ]);
  return child;
};

const spawnWithoutMemory: Spawn = () => {
  throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
};

/** A relay in a child that misbehaves so; `clock` is what its life is measured by. */
async function start(
  misbehaviour = '',
  now?: () => number,
  logger = new RecordingLogger(),
  starter: () => Spawn = () => spawn,
) {
  const source = new RelayProcess({
    program: PROGRAM,
    threads: 3,
    logger,
    ...(now === undefined ? {} : { now }),
    spawn: ((program: string, args: string[], options: object) =>
      starter()(program, args, {
        ...options,
        env: { ...process.env, FAKE_RELAY: misbehaviour },
      })) as typeof spawn,
  });
  const starting = NativeRelay.start({
    source,
    observer: new RecordingObserver(),
    logger,
    udpIdleTimeoutMs: 250,
    maxUdpSessions: () => 100,
  });
  onTestFinished(() => starting.then((relay) => relay.shutdown(0)).catch(() => undefined));
  return { relay: await starting, logger, source };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The state of a process, `T` where it is stopped by a signal (proc_pid_stat(5)). */
function stateOf(pid: number | undefined): string | undefined {
  return / \(.*\) (\w) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
}

function pidOf(relay: NativeRelay): number {
  const { pid } = relay;
  if (pid === undefined) throw new Error('no relay');
  return pid;
}

describe('a relay that is a child of this process', () => {
  it('has the threads that it was told, and is gone with everything of it after a shutdown', async () => {
    const before = openSockets();
    const { relay, logger } = await start();
    const pid = pidOf(relay);
    expect(relay.greeting).toMatchObject({ threads: 3, pid });
    await within('shutdown', relay.shutdown(1_000));
    expect(isRunning(pid)).toBe(false);
    expect(openSockets()).toBe(before);
    expect(logger.messages('error')).toEqual([]);
  });

  it('is started again when it is killed, and the log says what killed it, once', async () => {
    let now = 0;
    const { relay, logger } = await start('', () => now);
    const pid = pidOf(relay);
    now = 5_000;
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect(logger.messages('info')).toEqual(['the relay is back']));
    expect(pidOf(relay)).not.toBe(pid);
    const errors = logger.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ fields }) => fields.signal)).toEqual(['SIGKILL']);
  });

  it('waits longer and longer before the next start where each life is short', async () => {
    const { relay, source } = await start('', () => 0);
    const pauses: number[] = [];
    for (let life = 0; life < 3; life += 1) {
      const pid = pidOf(relay);
      process.kill(pid, 'SIGKILL');
      await eventually(() => {
        expect(relay.pid).toBeGreaterThan(0);
        expect(relay.pid).not.toBe(pid);
      });
      pauses.push(source.pauseMs());
    }
    expect(pauses).toEqual([100, 200, 400]);
  });

  it.each([
    ['throws (ENOMEM)', spawnWithoutMemory],
    ['gives a child without streams (EMFILE)', spawnWithoutFiles],
  ])(
    'is tried now and then where a start %s after a long life, and is back when there is one',
    async (_, failing) => {
      let now = 0;
      let spawning: Spawn = spawn;
      let tries = 0;
      const logger = new RecordingLogger();
      const { relay } = await start(
        '',
        () => now,
        logger,
        () => {
          tries += 1;
          // Timers that never have their turn could not end this.
          return tries > 1_000 ? spawn : spawning;
        },
      );
      const pid = pidOf(relay);
      [now, spawning, tries] = [5_000, failing, 0];
      process.kill(pid, 'SIGKILL');
      await eventually(() => expect(tries).toBeGreaterThan(0));
      await pause(200);
      expect(tries).toBeLessThan(5);
      const warnings = logger.lines.filter(({ level }) => level === 'warn');
      expect(warnings.map(({ message, fields }) => [message, fields.error])).toEqual([
        [
          'the relay is not back',
          expect.stringContaining(failing === spawnWithoutFiles ? 'EMFILE' : 'ENOMEM'),
        ],
      ]);
      spawning = spawn;
      await eventually(() => expect(relay.pid ?? pid).not.toBe(pid));
    },
  );

  it('that is frozen before it greets holds up no shutdown', async () => {
    let starts = 0;
    let frozen: ChildProcess | undefined;
    const { relay } = await start('', undefined, new RecordingLogger(), () => (program, args, options) => {
      starts += 1;
      if (starts === 1) return spawn(program, args, options);
      frozen = spawn('/bin/sh', ['-c', 'kill -STOP $$; exec "$0" "$@"', program, ...args], options);
      return frozen;
    });
    process.kill(pidOf(relay), 'SIGKILL');
    await eventually(() => expect(stateOf(frozen?.pid)).toBe('T'));
    await within('shutdown', relay.shutdown(0), 3_000);
    expect(frozen?.signalCode).toBe('SIGKILL');
  });

  it('ends what waits for it when it is shut down while it is away', async () => {
    const { relay } = await start('', () => 0);
    await relay.open({
      name: 'a/b',
      protocol: 'TCP',
      address: '127.0.0.1',
      port: 30_001,
      routing: { endpoints: [], sessionAffinity: { type: 'None' } },
    });
    process.kill(pidOf(relay), 'SIGKILL');
    await eventually(() => expect(relay.pid).toBeUndefined());
    const closed = relay.close('a/b');
    await within('shutdown', relay.shutdown(0));
    await within('close', closed);
  });

  it('is killed where it does not end after the grace', async () => {
    const { relay } = await start('stays');
    const pid = pidOf(relay);
    await within('shutdown', relay.shutdown(10), 8_000);
    expect(isRunning(pid)).toBe(false);
  });

  it('ends no later than the shorter grace where it is asked twice', async () => {
    const { relay } = await start('stays');
    const first = relay.shutdown(60_000);
    await within('the second shutdown', Promise.all([relay.shutdown(0), first]), 8_000);
    expect(relay.pid).toBeUndefined();
  });

  it('that does not start says so, with its exit code and what it wrote', async () => {
    const logger = new RecordingLogger();
    await expect(start('exit=3', undefined, logger)).rejects.toThrow('exit code 3');
    expect(logger.lines.map(({ fields }) => fields.said)).toEqual(['it cannot be']);
    await expect(start('version=2')).rejects.toThrow('speaks version 2');
    const source = new RelayProcess({ program: '/nonexistent/relay', threads: 1, logger });
    await expect(source.connect()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
