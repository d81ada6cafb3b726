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

  /** How it stands, for the status page. */
  status(): readonly SourceStatus[];
}

/** One place that Services come from. */
export interface SourceStatus {
  readonly kind: 'manifests' | 'apiserver' | 'snapshot';
  /** A path or a URL. */
  readonly location: string;
  /** Services and endpoint objects held from there. */
  readonly objects: number;
  /** What is wrong there now, a line each; the last good state is served meanwhile. */
  readonly errors: readonly string[];
}
