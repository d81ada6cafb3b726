import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NotifyDescriptor, NotifyProgram, notifySocket } from '../../src/host/notify-socket.js';
import { programSearch } from '../../src/host/program-search.js';
import { SpawnedCommands } from '../../src/host/spawned-commands.js';
import { NotifyReceiver, PERL_MISSING } from '../support/notify-receiver.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const SYSTEMD_NOTIFY = programSearch(process.env.PATH)('systemd-notify');
const canRun = !PERL_MISSING && SYSTEMD_NOTIFY !== null;

describe('the way to the service manager', () => {
  const runner = new SpawnedCommands({});
  const nowhere = { find: () => null, runner };

  it('is none where none is named', () => {
    expect(notifySocket({ ...nowhere, descriptor: undefined, socket: undefined })).toBeNull();
    expect(notifySocket({ ...nowhere, descriptor: undefined, socket: '' })).toBeNull();
  });

  it('is none where there is neither a descriptor nor a program', () => {
    expect(notifySocket({ ...nowhere, descriptor: undefined, socket: '/run/systemd/notify' })).toBeNull();
  });

  it('is the program of systemd where no descriptor came along', () => {
    const find = (name: string) => `/usr/bin/${name}`;
    const found = notifySocket({ find, runner, descriptor: undefined, socket: '/run/systemd/notify' });
    expect(found).toBeInstanceOf(NotifyProgram);
  });

  it.each(['0', '-1', 'three', '99999', ''])('is no descriptor %j', (text) => {
    expect(NotifyDescriptor.at(text)).toBeNull();
  });

  it('is no descriptor of a file: a variable that was left over writes into none', () => {
    const fd = openSync(join(temporaryDirectory(), 'file'), 'w');
    onTestFinished(() => closeSync(fd));
    expect(NotifyDescriptor.at(`${fd}`)).toBeNull();
  });

  it('tells that nothing arrived where the descriptor is closed', async () => {
    const fd = openSync(join(temporaryDirectory(), 'file'), 'w');
    closeSync(fd);
    expect(await new NotifyDescriptor(fd).send(['READY=1'])).toBe(false);
  });
});

describe.skipIf(!canRun)(`systemd-notify (${SYSTEMD_NOTIFY ?? 'not here'}, perl: ${!PERL_MISSING})`, () => {
  it('carries every line of a notification', async () => {
    const receiver = await NotifyReceiver.start();
    const runner = new SpawnedCommands({ ...process.env, NOTIFY_SOCKET: receiver.address });
    const program = new NotifyProgram(SYSTEMD_NOTIFY ?? '', runner);
    expect(await program.send(['READY=1', 'STATUS=two words; and more'])).toBe(true);
    expect(receiver.notifications[0]).toEqual(['READY=1', 'STATUS=two words; and more']);
  });

  it('tells that nothing arrived where nobody listens', async () => {
    const runner = new SpawnedCommands({ ...process.env, NOTIFY_SOCKET: '/nowhere' });
    expect(await new NotifyProgram(SYSTEMD_NOTIFY ?? '', runner).send(['READY=1'])).toBe(false);
  });
});
