import type { ServiceName } from './services.js';

/** What the load program is to do for a while. */
export type Load =
  | { readonly kind: 'tcp-requests'; readonly connections: number }
  | { readonly kind: 'tcp-latency'; readonly connections: number; readonly perSecond: number }
  | { readonly kind: 'tcp-connections'; readonly atOnce: number }
  | { readonly kind: 'tcp-bulk'; readonly service: 'source' | 'sink'; readonly connections: number }
  | { readonly kind: 'udp'; readonly flows: number };

/** A load as the load program is told of it. */
export interface LoadOrder {
  readonly work: 'requests' | 'latency' | 'connections' | 'source' | 'sink' | 'udp';
  readonly service: ServiceName;
  readonly connections: number;
  readonly perSecond?: number;
}

export function orderFor(load: Load): LoadOrder {
  switch (load.kind) {
    case 'tcp-requests':
      return { work: 'requests', service: 'requests', connections: load.connections };
    case 'tcp-latency': {
      const { connections, perSecond } = load;
      return { work: 'latency', service: 'requests', connections, perSecond };
    }
    case 'tcp-connections':
      return { work: 'connections', service: 'connections', connections: load.atOnce };
    case 'tcp-bulk':
      return { work: load.service, service: load.service, connections: load.connections };
    case 'udp':
      return { work: 'udp', service: 'echo', connections: load.flows };
  }
}
