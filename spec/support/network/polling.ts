/**
 * For `expect.poll`: how long a spec waits for what the program does soon, in ms. To look often would cost a machine with
 * two cores more than what is looked at, because each look starts processes.
 */
export const SOON = { timeout: 12_000, interval: 100 } as const;
