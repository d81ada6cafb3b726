import type { ClusterShape, ProbedEndpoints } from './cluster-content.js';

/** What the cluster process is asked for, one at a time. */
export type ClusterOrder =
  | { readonly kind: 'fill'; readonly shape: ClusterShape; readonly endpoints: ProbedEndpoints }
  /** Moves all endpoints of a probed Service to another port. */
  | { readonly kind: 'move'; readonly service: number; readonly port: number }
  /** From now on replaces an endpoint of a Service that is not probed, so often a second; 0 for not any more. */
  | { readonly kind: 'churn'; readonly perSecond: number }
  /** Does that so many times, then answers. */
  | { readonly kind: 'replace'; readonly count: number; readonly everyMs: number };

export interface Filled {
  readonly kind: 'filled';
  readonly url: string;
  /** Length of one in a list, on average, bytes. */
  readonly serviceBytes: number;
  readonly sliceBytes: number;
}

/** `writtenAt`: when the watch event went to the socket, on the clock of the machine. */
export interface Moved {
  readonly kind: 'moved';
  readonly writtenAt: number;
}

export interface Done {
  readonly kind: 'done';
}

/** What the probe process is asked for, one at a time. */
export type ProbeOrder =
  /** Opens connections one after another until this endpoint answers. `probing` comes once another one has. */
  | { readonly kind: 'probe'; readonly portal: number; readonly until: EndpointName }
  /** Opens one connection to each of these portals, one after another. */
  | { readonly kind: 'time-connections'; readonly portals: readonly number[] };

export type EndpointName = 'A' | 'B';

/** Where A and B listen: at the same addresses, each on its port. Once, at the start. */
export interface ProbeListening {
  readonly kind: 'listening';
  readonly addresses: readonly string[];
  readonly ports: Readonly<Record<EndpointName, number>>;
}

export interface Probing {
  readonly kind: 'probing';
}

/** `acceptedAt`: when the endpoint that was waited for accepted, on the clock of the machine. */
export interface Probed {
  readonly kind: 'probed';
  readonly acceptedAt: number;
}

export interface Timed {
  readonly kind: 'timed';
  readonly ms: readonly number[];
}

export interface Failed {
  readonly kind: 'failed';
  readonly message: string;
}
