/** A clock that all processes of the machine share (`CLOCK_MONOTONIC`), ms: moments of two processes can be subtracted. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
