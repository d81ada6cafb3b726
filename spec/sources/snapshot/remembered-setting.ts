import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished } from 'vitest';
import type { ServiceState } from '../../../src/model/service-state.js';
import {
  RememberedSource,
  type RememberedSourceOptions,
} from '../../../src/sources/snapshot/remembered-source.js';
import { snapshotChunks } from '../../../src/sources/snapshot/snapshot-lines.js';
import { CollectedStates } from '../../support/collected-states.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { SpokenSource } from '../../support/spoken-source.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { largeState, plain } from './state-arbitraries.js';

/** A remembered source in a directory of its own, for each spec anew. */

export const IDENTITY = { server: 'https://10.0.0.1:6443', nodeName: 'node-1' };
export const NOON = Date.UTC(2026, 10, 22, 12);
export const OLD = largeState(2, 3);
export const NEW = largeState(3, 2);

export let directory: string;
export let path: string;
export let inner: SpokenSource;
export let logger: RecordingLogger;

beforeEach(() => {
  directory = join(temporaryDirectory(), 'state');
  path = join(directory, 'services.jsonl');
  inner = new SpokenSource();
  logger = new RecordingLogger();
});

export function sourceOf(changes: Partial<RememberedSourceOptions> = {}): RememberedSource {
  const source = new RememberedSource({
    inner,
    directory,
    identity: IDENTITY,
    logger,
    now: () => NOON,
    delayMs: 10,
    intervalMs: 50,
    ...changes,
  });
  onTestFinished(() => source.stop());
  return source;
}

export function writeFile(text: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
}

export function remember(state: ServiceState, changes: object = {}): void {
  const header = { ...IDENTITY, savedAt: '2026-11-22T11:00:00.000Z', ...changes };
  writeFile([...snapshotChunks(header, state)].join(''));
}

/** What the next process would find. */
export async function remembered(): Promise<ServiceState | undefined> {
  const next = sourceOf({ inner: new SpokenSource(), logger: new RecordingLogger() });
  const { last } = await CollectedStates.startOf(next);
  await next.stop();
  return last;
}

export const ownStatus = (source: RememberedSource) => source.status().at(-1);
export const errors = () => logger.lines.filter(({ level }) => level === 'error');
export const isSameState = (one: ServiceState | undefined, other: ServiceState) =>
  expect(one && plain(one)).toEqual(plain(other));
