import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { UNKNOWN_NODE } from '../../../src/model/node.js';
import { EMPTY_STATE } from '../../../src/model/service-state.js';
import { CollectedStates } from '../../support/collected-states.js';
import { eventually, within } from '../../support/deadline.js';
import {
  directory,
  errors,
  inner,
  isSameState,
  logger,
  NEW,
  NOON,
  OLD,
  ownStatus,
  path,
  remember,
  remembered,
  sourceOf,
  writeFile,
} from './remembered-setting.js';

describe('at the start', () => {
  it('the snapshot is delivered, and told as stale', async () => {
    remember(OLD);
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    expect(states).toHaveLength(1);
    isSameState(states[0], OLD);
    expect(source.status()).toEqual([
      ...inner.status(),
      {
        kind: 'snapshot',
        location: path,
        objects: 2,
        stale: true,
        connected: null,
        connectionChangedAt: null,
        endpointApi: null,
        savedAt: Date.UTC(2026, 10, 22, 11),
        errors: [],
      },
    ]);
    expect(logger.messages('info')).toEqual([
      'serving the last known state until the API server has answered',
    ]);
  });

  it('a snapshot without Services is one as well', async () => {
    remember(EMPTY_STATE);
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    expect(states).toHaveLength(1);
    expect(ownStatus(source)).toMatchObject({ objects: 0, stale: true });
  });

  it('nothing is delivered where nothing is remembered, and nothing is complained of', async () => {
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    expect(states).toEqual([]);
    expect(ownStatus(source)).toMatchObject({ objects: 0, stale: false, savedAt: null, errors: [] });
    expect(logger.lines).toEqual([]);
  });

  it('the first delivery of the inner source ends the staleness; later ones follow', async () => {
    remember(OLD);
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    inner.deliver(NEW);
    expect(ownStatus(source)).toMatchObject({ stale: false });
    inner.deliver(OLD);
    expect(states.slice(1)).toEqual([NEW, OLD]);
    expect(states[2]).toBe(OLD);
  });

  it('nobody can tell why the snapshot has which endpoints, until the inner source has delivered', async () => {
    remember(OLD);
    const source = sourceOf();
    await CollectedStates.startOf(source);
    inner.judged = { endpoints: [], otherPorts: [], node: UNKNOWN_NODE };
    expect(source.verdicts('default/web')).toBeNull();
    inner.deliver(NEW);
    expect(source.verdicts('default/web')).toBe(inner.judged);
  });

  it('the snapshot is left out where the inner source is quicker', async () => {
    remember(OLD);
    inner.first = NEW;
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    expect(states).toEqual([NEW]);
    expect(ownStatus(source)).toMatchObject({ stale: false });
  });

  it('a mistake in the configuration of the inner source goes through', async () => {
    remember(OLD);
    inner.error = new KubeSpliceError('KUBECONFIG_INVALID', 'no current-context');
    const source = sourceOf();
    await expect(source.start(() => undefined)).rejects.toBe(inner.error);
    await source.stop();
  });
});

describe('a snapshot that is not used', () => {
  it('because it was cut is told with its code and remedy, until it is replaced', async () => {
    remember(OLD);
    writeFile(readFileSync(path, 'utf8').slice(0, -20));
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    expect(states).toEqual([]);
    expect(errors()).toMatchObject([
      {
        message: expect.stringMatching(/^SNAPSHOT_UNREADABLE: .*line/),
        fields: { remedy: expect.any(String) },
      },
    ]);
    expect(ownStatus(source)?.errors).toEqual([expect.stringMatching(/^SNAPSHOT_UNREADABLE: .*line/)]);
    inner.deliver(NEW);
    await eventually(() => expect(ownStatus(source)?.errors).toEqual([]));
    await source.stop();
    isSameState(await remembered(), NEW);
  });

  it('because it is of a newer version is left alone until there is something to save', async () => {
    writeFile('{"version":3}\n');
    const source = sourceOf();
    await source.start(() => undefined);
    await source.stop();
    expect(readFileSync(path, 'utf8')).toBe('{"version":3}\n');
  });

  it.each([
    [{ server: 'https://10.0.0.2:6443' }, 'it is of another API server, https://10.0.0.2:6443'],
    [{ server: 'https://\n' }, 'it is of another API server, https://\\n'],
    [{ nodeName: 'node-2' }, 'it is for another node, node-2'],
    [{ nodeName: null }, 'it is for another node, without a name'],
  ])('because of %j says so', async (changes, reason) => {
    remember(OLD, changes);
    const source = sourceOf();
    const { states } = await CollectedStates.startOf(source);
    expect(states).toEqual([]);
    expect(logger.messages('warn')).toEqual([
      `${path}: ${reason}; it is not used, and replaced when the next state is saved`,
    ]);
    expect(ownStatus(source)).toMatchObject({ stale: false, objects: 0 });
  });
});

describe('what the inner source delivered', () => {
  it('is found by the next process', async () => {
    const source = sourceOf();
    await source.start(() => undefined);
    inner.deliver(NEW);
    await eventually(() =>
      expect(ownStatus(source)).toMatchObject({ objects: 3, savedAt: NOON, stale: false }),
    );
    isSameState(await remembered(), NEW);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it('is saved a last time at the stop, with what came during that', async () => {
    const source = sourceOf({ delayMs: 60_000 });
    await source.start(() => undefined);
    inner.deliver(OLD);
    inner.last = NEW;
    await within('the stop', source.stop());
    isSameState(await remembered(), NEW);
  });

  it('is all that is saved: what came from the snapshot is not', async () => {
    remember(OLD);
    const { ino, mtimeNs } = statSync(path, { bigint: true });
    const source = sourceOf();
    await source.start(() => undefined);
    await source.stop();
    expect(statSync(path, { bigint: true })).toMatchObject({ ino, mtimeNs });
  });
});
