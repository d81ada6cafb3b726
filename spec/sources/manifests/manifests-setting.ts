import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import type { WatchDirectory } from '../../../src/sources/manifests/directory-watches.js';
import { ManifestsSource } from '../../../src/sources/manifests/manifests-source.js';
import { CollectedStates } from '../../support/collected-states.js';
import { serviceObject, sliceObject } from '../../support/kubernetes-objects.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

/** A source of files in a directory of its own, for each spec anew. */

export const WEB = stringify(serviceObject());
export const WEB_AT = (...addresses: string[]) =>
  stringify(sliceObject(addresses.map((address) => ({ addresses: [address] }))));
export const API = stringify(serviceObject({}, { name: 'api' }));
export const both = (...texts: string[]) => texts.join('---\n');

export let directory: string;
export let logger: RecordingLogger;

beforeEach(() => {
  directory = temporaryDirectory();
  logger = new RecordingLogger();
});

export const inside = (name: string) => join(directory, name);

export function file(name: string, text: string | Buffer): string {
  writeFileSync(inside(name), text);
  return inside(name);
}

export function sourceOf(paths: readonly string[], watchDirectory?: WatchDirectory): ManifestsSource {
  const source = new ManifestsSource({ paths, logger, ...(watchDirectory && { watchDirectory }) });
  onTestFinished(() => source.stop());
  return source;
}

export const start = (...paths: string[]) => CollectedStates.startOf(sourceOf(paths));
