import type { ServicePortName } from '../model/service-port.js';
import type { RelayFailure, RelayObserver } from './engine.js';

/** Passes on all that a relay tells: for those who want to hear one thing of it. */
export class PassingObserver implements RelayObserver {
  constructor(private readonly next: RelayObserver) {}

  failure(failure: RelayFailure): void {
    this.next.failure(failure);
  }

  filesExhausted(limit: number): void {
    this.next.filesExhausted(limit);
  }

  filesAvailable(): void {
    this.next.filesAvailable();
  }

  udpSessionsExhausted(limit: number): void {
    this.next.udpSessionsExhausted(limit);
  }

  connectionsExhausted(name: ServicePortName | null, limit: number): void {
    this.next.connectionsExhausted(name, limit);
  }
}
