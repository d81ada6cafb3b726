import type { ServicePortVerdicts } from '../model/endpoint-verdicts.js';
import type { ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';

/** Where Services and their endpoints come from. Every source offers the same stream of whole states. */
export interface ServiceSource {
  /**
   * Starts delivering. The first state is delivered only once Services *and* endpoints are known, so that a restart
   * never tears down good state; later ones whenever something changed, the newest always last.
   *
   * @throws KubeSpliceError where what the user named cannot be read at all.
   */
  start(deliver: (state: ServiceState) => void): Promise<void>;

  /** Stops delivering and releases everything: no call of `deliver` after it resolves. */
  stop(): Promise<void>;

  /**
   * Reads again, at once, all that it reads only when something seems to have changed; delivers what comes of it as ever.
   * What cannot be read leaves the last good state. Resolves when it has been read, with a phrase for each place: none where
   * there is nothing to read, as with an API server, which tells of every change.
   */
  reload(): Promise<readonly string[]>;

  /**
   * Why traffic goes to which of the endpoints of a service port: for whoever asks, not for traffic. Null where this source doesn't
   * serve it, or can't tell, as of a state that was read from a snapshot.
   */
  verdicts(name: ServicePortName): ServicePortVerdicts | null;

  /** How it stands, for the status page. */
  status(): readonly SourceStatus[];
}

/** One place that Services come from. What does not apply to its kind is null. Times are milliseconds since the epoch. */
export interface SourceStatus {
  readonly kind: 'manifests' | 'apiserver' | 'snapshot';
  /** A path or a URL. */
  readonly location: string;
  /** Services and endpoint objects held from there. */
  readonly objects: number;
  /**
   * Whether what is served from there may be out of date: it was read from a snapshot, or its server is away. False for
   * what nothing is served from, and for manifests, whose `errors` tell.
   */
  readonly stale: boolean;
  /** Whether an API server answers now. */
  readonly connected: boolean | null;
  /** Since when an API server has been connected, or not; since the start where it never was. */
  readonly connectionChangedAt: number | null;
  /** What an API server is asked for endpoints; null also until that is known. */
  readonly endpointApi: 'EndpointSlice' | 'Endpoints' | null;
  /** When a snapshot was saved last; null also where there is none yet. */
  readonly savedAt: number | null;
  /** What is wrong there now, a line each; the last good state is served meanwhile. */
  readonly errors: readonly string[];
}
