import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { NotifyReceiver, PERL_MISSING } from '../../support/notify-receiver.js';
import { RunningProgram, serviceManifest, writeManifest } from '../../support/program.js';
import { stopProcess } from '../../support/stopped-process.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const ADDRESS = '127.64.6.1';
const ENDPOINT = [{ address: '127.0.0.1', port: 9 }];

/** The built program, with a service manager of the spec's own. */
async function launch(argv: readonly string[], watchdogMs: number, address: string) {
  const receiver = await NotifyReceiver.start();
  const environment = { NOTIFY_SOCKET: receiver.address, WATCHDOG_USEC: `${watchdogMs * 1_000}` };
  const through = [NATIVE_RELAY, '--notify-exec'];
  return { receiver, running: RunningProgram.launch(address, argv, { environment, through }) };
}

function processesOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

const canRun = !NATIVE_RELAY_MISSING && !PERL_MISSING;

describe.skipIf(!canRun)(
  `kube-splice and its service manager (built: ${!NATIVE_RELAY_MISSING}, perl: ${!PERL_MISSING})`,
  () => {
    it('is ready after the first sync, tells what it serves, pings, and says that it stops', async () => {
      const directory = temporaryDirectory();
      const manifest = join(directory, 'services.yaml');
      writeManifest(manifest, serviceManifest('one', ENDPOINT));
      const { receiver, running } = await launch(['--manifests', directory], 400, ADDRESS);
      await receiver.received(/^READY=1$/);
      expect(await receiver.received(/^STATUS=1 service/)).toBe(
        'STATUS=1 service (1 portal), 1 endpoint; steering none; relay native',
      );
      writeManifest(manifest, serviceManifest('one', ENDPOINT), serviceManifest('two', ENDPOINT));
      await receiver.received(/^STATUS=2 services \(2 portals\), 2 endpoints;/);
      await eventually(() => expect(receiver.count('WATCHDOG=1')).toBeGreaterThan(5));
      running.program.signal('SIGTERM');
      expect(await running.program.ended()).toBe(0);
      await receiver.received(/^STATUS=stopping; 2 services/);
      expect(receiver.count('STOPPING=1')).toBe(1);
      expect(receiver.count('READY=1')).toBe(1);
    });

    it('is not ready while its API server has never answered: it asks for more time, and says why', async () => {
      // The discard port of an address that is nobody's: refused at once.
      const argv = ['--master', 'http://127.64.6.3:9'];
      const { receiver, running } = await launch(argv, 400, '127.64.6.2');
      await receiver.received(/^STATUS=waiting for the first sync; .*http:\/\/127.64.6.3:9 is away/);
      await receiver.received(/^EXTEND_TIMEOUT_USEC=/);
      running.program.signal('SIGTERM');
      await running.program.ended();
      expect(receiver.lines).not.toContain('READY=1');
    });

    it('does not ping while it hangs', async () => {
      const directory = temporaryDirectory();
      writeManifest(join(directory, 'services.yaml'), serviceManifest('one', ENDPOINT));
      const { receiver, running } = await launch(['--manifests', directory], 200, '127.64.6.4');
      await receiver.received(/^READY=1$/);
      const goOn = await stopProcess(running.program.pid);
      await receiver.drained();
      const before = receiver.count('WATCHDOG=1');
      await new Promise((resolve) => setTimeout(resolve, 400));
      await receiver.drained();
      expect(receiver.count('WATCHDOG=1')).toBe(before);
      goOn();
      await eventually(() => expect(receiver.count('WATCHDOG=1')).toBeGreaterThan(before));
    });

    it('keeps what its manager said from the programs that it starts', async () => {
      const directory = temporaryDirectory();
      writeManifest(join(directory, 'services.yaml'), serviceManifest('one', ENDPOINT));
      const { receiver, running } = await launch(['--manifests', directory], 400, '127.64.6.5');
      await receiver.received(/^READY=1$/);
      const children = processesOf(running.program.pid);
      expect(children).toHaveLength(1);
      for (const child of children) {
        const environment = readFileSync(`/proc/${child}/environ`, 'utf8');
        expect(environment).toContain('PATH=');
        expect(environment).not.toMatch(/NOTIFY_SOCKET|WATCHDOG|KUBE_SPLICE_NOTIFY_FD/);
      }
    });
  },
);
