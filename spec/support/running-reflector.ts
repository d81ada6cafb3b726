import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { KubeSpliceError } from '../../src/model/errors.js';
import { Reflector } from '../../src/sources/apiserver/reflector.js';
import { type Resource, SERVICES } from '../../src/sources/apiserver/resource.js';
import { apiClient } from './api-client.js';
import type { ApiServer } from './api-server/api-server.js';
import { within } from './deadline.js';
import { RecordingMirror } from './recording-mirror.js';

export interface ReflectorSetting {
  readonly resources?: readonly [Resource, ...Resource[]];
  readonly longestSilenceMs?: number;
}

/** A reflector of this server at work, with what it told. Its waits are noted, and over at once. */
export async function runningReflector(
  server: ApiServer,
  { resources = [SERVICES], ...setting }: ReflectorSetting = {},
) {
  const mirror = new RecordingMirror();
  const waits: number[] = [];
  const failures: KubeSpliceError[] = [];
  const stopping = new AbortController();
  const reflector = new Reflector({
    client: await apiClient(server.url),
    resources,
    mirror,
    observer: {
      answered: () => undefined,
      failed: (error) => void failures.push(error),
    },
    random: () => 0,
    now: () => performance.now(),
    pause: async (ms, signal) => {
      waits.push(ms);
      // A moment, so that a server that answers at once with a failure is not asked ten thousand times.
      await delay(5, undefined, { signal }).catch(() => undefined);
    },
    ...setting,
  });
  const running = reflector.run(stopping.signal);
  const stop = (): Promise<void> => {
    stopping.abort();
    return within('the reflector to end', running);
  };
  onTestFinished(stop);
  const codes = (): string[] => failures.map(({ code }) => code);
  return { mirror, waits, failures, codes, stop };
}
