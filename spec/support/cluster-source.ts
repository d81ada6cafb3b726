import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import {
  ApiServerSource,
  type ApiServerSourceOptions,
} from '../../src/sources/apiserver/apiserver-source.js';
import { apiClient } from './api-client.js';
import type { ApiServer } from './api-server/api-server.js';
import { CollectedStates } from './collected-states.js';
import { RecordingLogger } from './recording-logger.js';

/** The source of this server's cluster at work, on the node `node-a`. It waits for nothing long, and stops with the test. */
export async function clusterSource(server: ApiServer, options: Partial<ApiServerSourceOptions> = {}) {
  const logger = new RecordingLogger();
  const source = new ApiServerSource({
    client: await apiClient(server.url),
    nodeName: 'node-a',
    logger,
    // A hundredth of what it would wait.
    pause: (ms, signal) => delay(ms / 100, undefined, { signal }).catch(() => undefined),
    ...options,
  });
  const states = await CollectedStates.startOf(source);
  onTestFinished(() => source.stop());
  return { source, states, logger };
}
