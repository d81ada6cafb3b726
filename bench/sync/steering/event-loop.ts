import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often it is looked, ms. */
const RESOLUTION_MS = 1;
/** After so long it has been looked once at least, ms. */
const LOOKED_MS = 5;

/** What work came to, and the longest time that nothing else was done meanwhile. */
export interface Watched<Value> {
  readonly value: Value;
  readonly blockedMs: number;
}

/** Does some work, and watches the event loop: while that is blocked, no connection is accepted and no byte relayed. */
export async function watchEventLoop<Value>(work: () => Promise<Value>): Promise<Watched<Value>> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  try {
    await sleep(LOOKED_MS);
    const value = await work();
    await sleep(LOOKED_MS);
    return { value, blockedMs: Math.max(0, delays.max / 1e6 - RESOLUTION_MS) };
  } finally {
    delays.disable();
  }
}
