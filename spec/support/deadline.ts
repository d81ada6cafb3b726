import { vi } from 'vitest';

/** How long a spec waits for what must happen, in ms: far more than it takes, so that a busy machine fails no spec. */
export const DEADLINE_MS = 5_000;

/** The promise's outcome; after `ms` an error that names what did not happen. */
export async function within<T>(what: string, promise: Promise<T>, ms = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Repeats the assertion until it holds; after `ms` it fails with the assertion's own error. */
export async function eventually(assertion: () => void | Promise<void>, ms = DEADLINE_MS): Promise<void> {
  await vi.waitFor(assertion, { timeout: ms, interval: 10 });
}
