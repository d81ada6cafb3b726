import type { ServicePortVerdicts } from '../../src/model/endpoint-verdicts.js';
import type { ServicePortName } from '../../src/model/service-port.js';
import type { ServiceState } from '../../src/model/service-state.js';
import type { ServiceSource, SourceStatus } from '../../src/sources/source.js';

/** A source that delivers when the spec says so. */
export class SpokenSource implements ServiceSource {
  deliver: (state: ServiceState) => void = () => {
    throw new Error('not started');
  };
  stops = 0;
  /** What it fails to start with. */
  error: Error | undefined;
  /** Delivered while it starts. */
  first: ServiceState | undefined;
  /** Delivered while it stops. */
  last: ServiceState | undefined;

  async start(deliver: (state: ServiceState) => void): Promise<void> {
    this.deliver = deliver;
    if (this.first !== undefined) deliver(this.first);
    if (this.error !== undefined) throw this.error;
  }

  async stop(): Promise<void> {
    this.stops += 1;
    if (this.last !== undefined) this.deliver(this.last);
  }

  reload(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  /** What it answers of every service port that is asked for. */
  judged: ServicePortVerdicts | null = null;
  asked: ServicePortName[] = [];

  verdicts(name: ServicePortName): ServicePortVerdicts | null {
    this.asked.push(name);
    return this.judged;
  }

  status(): readonly SourceStatus[] {
    return [
      {
        kind: 'apiserver',
        location: 'https://10.0.0.1:6443',
        objects: 0,
        stale: true,
        connected: false,
        connectionChangedAt: 0,
        endpointApi: null,
        savedAt: null,
        errors: [],
      },
    ];
  }
}
