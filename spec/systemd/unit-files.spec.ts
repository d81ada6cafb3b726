import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.js';

const UNITS = resolve(import.meta.dirname, '../../systemd');
const RELAY = 'kube-splice-relay.service';
const CONTROL = 'kube-splice.service';

const found = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
const release = Number(/^systemd (\d+)/.exec(found.stdout ?? '')?.[1] ?? 0);
/** `--offline` came with 250. */
const canAnalyze = release >= 250 || process.env.CI !== undefined;
/** `RestartSteps=` came with 254. */
const FIRST_WITH_STEPS = 254;

/** The value of each setting of a unit, in order, its sections aside. */
function settings(unit: string): readonly (readonly [string, string])[] {
  return readFileSync(join(UNITS, unit), 'utf8')
    .split('\n')
    .filter((line) => /^[A-Za-z]+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
}

function values(unit: string, name: string): readonly string[] {
  return settings(unit)
    .filter(([key]) => key === name)
    .map(([, value]) => value);
}

describe('the units', () => {
  it.each([CONTROL, RELAY])('%s: notify, a watchdog, settings that need not be there', (unit) => {
    expect(values(unit, 'Type')).toEqual(['notify']);
    expect(values(unit, 'WatchdogSec')).toHaveLength(1);
    expect(values(unit, 'EnvironmentFile')).toEqual([
      '-/etc/sysconfig/kube-splice',
      '-/etc/default/kube-splice',
    ]);
  });

  it('do not stop one with the other', () => {
    const ties = ['Requires', 'Requisite', 'BindsTo', 'PartOf', 'StopPropagatedFrom', 'PropagatesStopTo'];
    for (const unit of [CONTROL, RELAY]) expect(ties.flatMap((tie) => values(unit, tie))).toEqual([]);
    expect(values(CONTROL, 'Wants').join(' ')).toContain(RELAY);
    expect(values(CONTROL, 'After').join(' ')).toContain(RELAY);
  });

  it('meet at one socket', () => {
    const [socket] = /\/run\/\S+\.sock/.exec(values(RELAY, 'ExecStart').join()) ?? [];
    expect(values(CONTROL, 'Environment').join()).toContain(`--relay-socket ${socket}`);
    expect(dirname(socket ?? '')).toBe(`/run/${values(RELAY, 'RuntimeDirectory').join()}`);
    expect(values(CONTROL, 'SupplementaryGroups')).toEqual(values(RELAY, 'Group'));
  });
});

describe.skipIf(!canAnalyze)(`systemd-analyze (systemd ${release || 'not here'}, 250 needed)`, () => {
  it.each([
    [RELAY, 2.0],
    [CONTROL, 4.5],
  ])('finds %s exposed by less than %d', (unit, most) => {
    const { stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', join(UNITS, unit)],
      { encoding: 'utf8' },
    );
    const [, exposure] = /Overall exposure level for \S+: (\d+\.\d+)/.exec(stdout) ?? [];
    expect(exposure, stderr).toBeDefined();
    expect(Number(exposure)).toBeLessThan(most);
  });

  /** What it says of the units in a root of their own, where the programs that they name are there. */
  function verify(alter: (directory: string) => void = () => undefined): readonly string[] {
    const root = temporaryDirectory();
    const directory = join(root, 'usr/lib/systemd/system');
    for (const program of ['usr/bin/kube-splice', 'usr/lib/kube-splice/kube-splice-relay', 'bin/kill']) {
      mkdirSync(dirname(join(root, program)), { recursive: true });
      writeFileSync(join(root, program), '#!/bin/sh\n');
      chmodSync(join(root, program), 0o755);
    }
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(UNITS).filter((entry) => /\.service(\.d)?$/.test(entry)))
      cpSync(join(UNITS, name), join(directory, name), { recursive: true });
    // What systemd itself brings, and every unit leans on.
    for (const target of ['sysinit', 'basic', 'shutdown', 'network', 'network-online', 'multi-user'])
      writeFileSync(join(directory, `${target}.target`), '[Unit]\nDescription=there\n');
    writeFileSync(join(directory, 'system.slice'), '[Unit]\nDefaultDependencies=no\n');
    writeFileSync(join(directory, '-.slice'), '[Unit]\nDefaultDependencies=no\n');
    alter(directory);
    const argv = ['verify', '--man=no', `--root=${root}`, CONTROL, RELAY];
    const { stderr } = spawnSync('systemd-analyze', argv, { encoding: 'utf8' });
    // The order is not the same each time, and a unit is read more than once.
    return [...new Set(stderr.split('\n').filter((line) => line !== ''))];
  }

  it('finds nothing wrong in them', () => {
    const withoutDropIns = verify((directory) => {
      for (const unit of [CONTROL, RELAY]) rmSync(join(directory, `${unit}.d`), { recursive: true });
    });
    expect(withoutDropIns).toEqual([]);
  });

  it('finds nothing in their drop-ins but what an older systemd does not know, and overlooks', () => {
    const unknown =
      release < FIRST_WITH_STEPS ? /Unknown key.* '(RestartSteps|RestartMaxDelaySec)' .*ignoring/ : null;
    expect(verify().filter((line) => unknown === null || !unknown.test(line))).toEqual([]);
  });

  it('would find it', () => {
    const [line] = verify((directory) =>
      writeFileSync(join(directory, CONTROL), '[Service]\nExecStart=relative\nTyp=notify\n'),
    );
    expect(line).toBeDefined();
  });
});
