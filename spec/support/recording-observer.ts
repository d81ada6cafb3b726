import type { RelayFailure, RelayObserver } from '../../src/relay/engine.js';

/** Keeps everything that a relay tells. */
export class RecordingObserver implements RelayObserver {
  readonly failures: RelayFailure[] = [];
  /** One entry a call, the limit that was told. */
  readonly filesExhaustedAt: number[] = [];
  readonly udpSessionsExhaustedAt: number[] = [];
  /** One entry a call: whose limit, and the limit. */
  readonly connectionsExhaustedAt: (readonly [string | null, number])[] = [];
  filesAvailableAgain = 0;

  failure(failure: RelayFailure): void {
    this.failures.push(failure);
  }

  filesExhausted(limit: number): void {
    this.filesExhaustedAt.push(limit);
  }

  filesAvailable(): void {
    this.filesAvailableAgain += 1;
  }

  udpSessionsExhausted(limit: number): void {
    this.udpSessionsExhaustedAt.push(limit);
  }

  connectionsExhausted(name: string | null, limit: number): void {
    this.connectionsExhaustedAt.push([name, limit]);
  }
}
