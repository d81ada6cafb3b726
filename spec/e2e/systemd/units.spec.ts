import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../../src/status/status-report.js';
import { eventually } from '../../support/deadline.js';
import { declareEchoService, trafficDuring } from '../../support/machine-traffic.js';
import { NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { SystemdMachine, whyNoMachine } from '../../support/systemd-machine.js';

const BOOT_MS = 480_000;
const UNIT_MS = 60_000;
const [CONTROL, RELAY] = ['kube-splice.service', 'kube-splice-relay.service'];
/** More than each kept connection's first one. */
const MANY_ECHOES = 100;

const reason = NATIVE_RELAY_MISSING ? 'no native relay' : whyNoMachine();

describe.skipIf(reason !== undefined)(`the units, run by systemd (${reason ?? 'it can run here'})`, () => {
  let machine: SystemdMachine;

  beforeAll(async () => {
    machine = await SystemdMachine.boot();
    await declareEchoService(machine);
    await machine.must('sh', '-c', 'cd /repository && PREFIX=/usr ./scripts/install');
    await machine.must('systemctl', 'enable', '--now', RELAY, CONTROL);
  }, BOOT_MS);
  afterAll(() => machine?.end(), UNIT_MS);

  /** Why that relay, and what it has, as the status has it. */
  async function relayReason(): Promise<string> {
    const report = JSON.parse(
      await machine.must('kube-splice', 'status', '--output', 'json'),
    ) as StatusReport;
    return report.relay.reason;
  }

  const pidOf = async (unit: string) => Number(await machine.property(unit, 'MainPID'));

  /** Resolves when the unit runs as another process than that one, and is ready. */
  async function startedAgain(unit: string, before: number): Promise<void> {
    await eventually(async () => {
      expect(await pidOf(unit)).not.toBe(before);
      expect(await machine.property(unit, 'ActiveState')).toBe('active');
    }, UNIT_MS);
  }

  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  it(
    'are started, the relay as a user of its own without any capability, and say how they stand',
    async () => {
      const status = await machine.must('systemctl', 'status', '--no-pager', '--full', CONTROL, RELAY);
      expect(status).toMatch(/Status: "1 service \(1 portal\), 1 endpoint; steering \w+; relay native"/);
      expect(status).toMatch(/Status: "\d portals, \d connections/);
      const relay = await machine.must('cat', `/proc/${await pidOf(RELAY)}/status`);
      const { stdout: user } = await machine.run('id', '--user', 'kube-splice');
      expect(relay).toMatch(new RegExp(`^Uid:\\s+${user.trim()}\\s`, 'm'));
      expect(relay).toMatch(/^CapBnd:\s+0+$/m);
      // Its own filter, beside systemd's.
      expect(await relayReason()).toContain('seccomp on');
      const control = await machine.must('cat', `/proc/${await pidOf(CONTROL)}/status`);
      // CAP_NET_ADMIN and CAP_NET_RAW (linux/capability.h), and nothing else.
      expect(control).toMatch(/^CapBnd:\s+0000000000003000$/m);
    },
    UNIT_MS,
  );

  it(
    'lose nothing when the control unit is restarted under traffic',
    async () => {
      const relayBefore = await pidOf(RELAY);
      const { failures, echoes, connections } = await trafficDuring(machine, async () => {
        for (let restart = 0; restart < 3; restart++) {
          const before = await pidOf(CONTROL);
          await machine.must('systemctl', 'restart', CONTROL);
          await startedAgain(CONTROL, before);
        }
      });
      expect(failures).toEqual([]);
      expect(echoes).toBeGreaterThan(MANY_ECHOES);
      expect(connections).toBeGreaterThan(10);
      expect(await pidOf(RELAY)).toBe(relayBefore);
    },
    UNIT_MS,
  );

  it(
    'lose nothing when the relay is reloaded: another process has all that was open, and is the one that is watched',
    async () => {
      const reloads = 3;
      const pids = [await pidOf(RELAY)];
      const { failures, echoes } = await trafficDuring(machine, async () => {
        for (let i = 0; i < reloads; i++) {
          await machine.must('systemctl', 'reload', RELAY);
          pids.push(await pidOf(RELAY));
          await pause(500);
        }
      });
      expect(failures).toEqual([]);
      expect(echoes).toBeGreaterThan(MANY_ECHOES);
      expect(new Set(pids).size).toBe(1 + reloads);
      expect(await machine.property(RELAY, 'ActiveState')).toBe('active');
      expect(await machine.property(RELAY, 'NRestarts')).toBe('0');
      // It pings on, and its end is noticed: it is a child of systemd.
      const pinged = () => machine.property(RELAY, 'WatchdogTimestampMonotonic').then(Number);
      const before = await pinged();
      await eventually(async () => expect(await pinged()).toBeGreaterThan(before), UNIT_MS);
      const [last = 0] = pids.slice(-1);
      await machine.must('kill', '-9', `${last}`);
      await startedAgain(RELAY, last);
    },
    2 * UNIT_MS,
  );

  it(
    'lose nothing when the control process is killed, and it is started again',
    async () => {
      const before = await pidOf(CONTROL);
      const { failures, echoes } = await trafficDuring(machine, async () => {
        await machine.must('kill', '-9', `${before}`);
        await startedAgain(CONTROL, before);
      });
      expect(failures).toEqual([]);
      expect(echoes).toBeGreaterThan(MANY_ECHOES);
    },
    UNIT_MS,
  );

  it(
    'lose nothing when the control process hangs: the watchdog ends it, and it is started again',
    async () => {
      // The same unit with less patience, so that the spec need not wait for half a minute.
      const dropIn = '/run/systemd/system/kube-splice.service.d';
      await machine.must(
        'sh',
        '-c',
        `mkdir -p ${dropIn} && printf '[Service]\\nWatchdogSec=2\\n' >${dropIn}/spec.conf`,
      );
      await machine.must('systemctl', 'daemon-reload');
      await machine.must('systemctl', 'restart', CONTROL);
      const before = await pidOf(CONTROL);
      // It lives on for longer than that while it is well.
      await pause(4_000);
      expect(await pidOf(CONTROL)).toBe(before);
      const { failures, echoes } = await trafficDuring(machine, async () => {
        await machine.must('kill', '-STOP', `${before}`);
        await startedAgain(CONTROL, before);
      });
      expect(failures).toEqual([]);
      expect(echoes).toBeGreaterThan(MANY_ECHOES);
      const journal = await machine.must('journalctl', '--no-pager', '--unit', CONTROL);
      expect(journal).toContain('Watchdog timeout');
    },
    2 * UNIT_MS,
  );

  it(
    'start a relay again that was killed, and it gets its portals back',
    async () => {
      const before = await pidOf(RELAY);
      const { failures: noticed } = await trafficDuring(machine, async () => {
        await machine.must('kill', '-9', `${before}`);
        await startedAgain(RELAY, before);
      });
      // The clients of these specs do notice when there is something to notice.
      expect(noticed.join('\n')).toContain('kept connection');
      await eventually(async () => {
        const { failures, connections } = await trafficDuring(machine, () => pause(300));
        expect(failures).toEqual([]);
        expect(connections).toBeGreaterThan(0);
      }, UNIT_MS);
    },
    UNIT_MS,
  );

  it(
    'run without the relay unit: with a relay of its own, or with none, and systemd is told all the same',
    async () => {
      const alone = 'echo KUBE_SPLICE_RELAY= >>/etc/default/kube-splice';
      await machine.must('systemctl', 'stop', RELAY);
      await machine.must('sh', '-c', alone);
      await machine.must('systemctl', 'restart', CONTROL);
      expect(await machine.property(CONTROL, 'StatusText')).toMatch(/^1 service .*; relay native$/);
      expect(await relayReason()).toContain('seccomp on');
      // A relay that could not be built: words go through systemd's own program then.
      await machine.must('rm', '-r', '/usr/lib/kube-splice/native');
      await machine.must('systemctl', 'restart', CONTROL);
      expect(await machine.property(CONTROL, 'StatusText')).toMatch(/^1 service .*; relay portable$/);
      const { failures, connections } = await trafficDuring(machine, () => pause(300));
      expect(failures).toEqual([]);
      expect(connections).toBeGreaterThan(0);
      // Two of the watchdog's times: the drop-in of the spec before leaves it two seconds.
      const before = await pidOf(CONTROL);
      await pause(4_000);
      expect(await pidOf(CONTROL)).toBe(before);
    },
    UNIT_MS,
  );

  it(
    'are gone after scripts/uninstall, and so are the rules; settings stay',
    async () => {
      const rules = async () => {
        const { stdout: legacy } = await machine.run('iptables-save');
        const { stdout: nft } = await machine.run('nft', 'list', 'ruleset');
        return `${legacy}${nft}`;
      };
      expect(await rules()).toMatch(/KUBE-PORTALS/);
      await machine.must('sh', '-c', 'cd /repository && PREFIX=/usr ./scripts/uninstall');
      expect(await rules()).not.toMatch(/KUBE-PORTALS/);
      expect((await machine.run('systemctl', 'cat', CONTROL)).exitCode).not.toBe(0);
      expect((await machine.run('test', '-e', '/usr/lib/kube-splice')).exitCode).toBe(1);
      expect((await machine.run('test', '-e', '/etc/default/kube-splice')).exitCode).toBe(0);
      await machine.must('sh', '-c', 'cd /repository && PREFIX=/usr ./scripts/uninstall --purge');
      expect((await machine.run('sh', '-c', 'ls -d /etc/default/kube-splice /etc/kube-splice')).stdout).toBe(
        '',
      );
      expect((await machine.run('id', 'kube-splice')).exitCode).not.toBe(0);
    },
    UNIT_MS,
  );
});
