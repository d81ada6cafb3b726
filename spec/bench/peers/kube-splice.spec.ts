import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChildProcesses } from '../../../bench/child-processes.js';
import { kubeSplice } from '../../../bench/peers/kube-splice.js';
import { addressesOf } from '../../../bench/services.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const PROGRAM = join(ROOT, 'dist/main.js');
const RELAY = join(ROOT, 'native/build/kube-splice-relay');
const STARTING_MS = 30_000;

/** Nobody is there, and nobody is connected to. */
const endpoints = addressesOf(() => ({ address: '127.0.0.1', port: 9 }));

const built = process.platform === 'linux' && existsSync(PROGRAM) && existsSync(RELAY);

describe.skipIf(!built)(
  'the peer with a relay of ours (skipped where dist or native/build is not built)',
  () => {
    const peerWith = (relayProgram?: string) => {
      const children = new ChildProcesses();
      onTestFinished(() => children.killAll());
      const other = relayProgram === undefined ? {} : { relayProgram };
      return kubeSplice({ name: 'native', program: PROGRAM, relay: 'native', ...other }, children);
    };

    it(
      'counts the process of the relay that was built with the program, and no other',
      async () => {
        const running = await peerWith().start(endpoints);
        onTestFinished(() => running.stop());
        expect(await Promise.all(running.pids.map((pid) => readlink(`/proc/${pid}/exe`)))).toEqual([RELAY]);
      },
      STARTING_MS,
    );

    it(
      'runs the relay that is named instead of it, and counts that one',
      async () => {
        const directory = await mkdtemp(join(tmpdir(), 'kube-splice-bench-'));
        onTestFinished(() => rm(directory, { recursive: true }));
        const named = join(directory, 'another-relay');
        await copyFile(RELAY, named);
        const running = await peerWith(named).start(endpoints);
        onTestFinished(() => running.stop());
        expect(await Promise.all(running.pids.map((pid) => readlink(`/proc/${pid}/exe`)))).toEqual([named]);
      },
      STARTING_MS,
    );

    it(
      'does not start with a relay that ends, rather than measure another one under its name',
      async () => {
        await expect(peerWith('/bin/false').start(endpoints)).rejects.toThrow('/bin/false ended with 1');
      },
      STARTING_MS,
    );
  },
);
