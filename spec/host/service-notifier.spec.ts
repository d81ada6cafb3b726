import { describe, expect, it } from 'vitest';
import type { NotifySocket } from '../../src/host/notify-socket.js';
import { ServiceNotifier, takeServiceEnvironment } from '../../src/host/service-notifier.js';

class RecordingSocket implements NotifySocket {
  readonly sent: (readonly string[])[] = [];

  async send(lines: readonly string[]): Promise<boolean> {
    this.sent.push(lines);
    return true;
  }
}

describe('what a service manager is told', () => {
  it('is in the words of sd_notify(3)', async () => {
    const socket = new RecordingSocket();
    const notifier = new ServiceNotifier(socket, () => 12_345n);
    await notifier.ready('3 services');
    await notifier.status('4 services');
    await notifier.watchdog();
    await notifier.reloading();
    await notifier.extendTimeout(1.5);
    await notifier.stopping(2_000, 'bye');
    expect(socket.sent).toEqual([
      ['READY=1', 'STATUS=3 services'],
      ['STATUS=4 services'],
      ['WATCHDOG=1'],
      ['RELOADING=1', 'MONOTONIC_USEC=12345'],
      ['EXTEND_TIMEOUT_USEC=1500'],
      ['STOPPING=1', 'EXTEND_TIMEOUT_USEC=2000000', 'STATUS=bye'],
    ]);
  });

  it('is no second assignment, whatever a name in the status has in it', async () => {
    const socket = new RecordingSocket();
    await new ServiceNotifier(socket).status('a\nMAINPID=1\r\u001b[2J');
    expect(socket.sent).toEqual([['STATUS=a\\nMAINPID=1\\r\\u001b[2J']]);
  });

  it('has a status of one line, not a page', async () => {
    const socket = new RecordingSocket();
    await new ServiceNotifier(socket).status('x'.repeat(10_000));
    expect(socket.sent[0]?.[0]?.length).toBeLessThan(500);
  });
});

describe("a service manager's variables", () => {
  it('are read, and removed for the programs that are started later', () => {
    const environment = {
      PATH: '/bin',
      NOTIFY_SOCKET: '/run/systemd/notify',
      KUBE_SPLICE_NOTIFY_FD: '3',
      WATCHDOG_USEC: '30000000',
      WATCHDOG_PID: '77',
    };
    expect(takeServiceEnvironment(environment, 77)).toEqual({
      socket: '/run/systemd/notify',
      descriptor: '3',
      watchdogMs: 30_000,
    });
    expect(environment).toEqual({ PATH: '/bin' });
  });

  it.each([
    ['of another process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '78' }],
    ['of no time', { WATCHDOG_USEC: '0' }],
    ['that is no number', { WATCHDOG_USEC: 'soon' }],
    ['that is not there', {}],
  ])('ask for no ping by a watchdog %s', (_, environment) => {
    expect(takeServiceEnvironment({ ...environment }, 77).watchdogMs).toBeNull();
  });
});
