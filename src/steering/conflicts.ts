import { KubeSpliceError } from '../model/errors.js';
import type { Redirect } from './steering.js';

/** Redirects of which no two are for the same traffic, and those that had to give way. */
export interface Settled {
  readonly redirects: readonly Redirect[];
  readonly conflicts: readonly KubeSpliceError[];
}

/**
 * Where two service ports claim the same traffic, the one whose name comes first has it: on every node the same. Within
 * one service port, an address that is given twice is steered as the first of the two says.
 */
export function settleConflicts(redirects: readonly Redirect[]): Settled {
  const owners = new Map<string, Redirect>();
  for (const redirect of redirects) {
    const traffic = trafficOf(redirect);
    const owner = owners.get(traffic);
    if (owner === undefined || redirect.servicePort < owner.servicePort) owners.set(traffic, redirect);
  }
  if (owners.size === redirects.length) return { redirects, conflicts: [] };
  const kept: Redirect[] = [];
  const conflicts = new Map<string, KubeSpliceError>();
  for (const redirect of redirects) {
    const traffic = trafficOf(redirect);
    const owner = owners.get(traffic);
    if (owner === redirect) kept.push(redirect);
    else if (owner !== undefined && owner.servicePort !== redirect.servicePort)
      conflicts.set(`${traffic} ${redirect.servicePort}`, conflict(owner, redirect));
  }
  return { redirects: kept, conflicts: [...conflicts.values()] };
}

function trafficOf({ protocol, family, address, port }: Redirect): string {
  return `${protocol} ${address ?? `node port ${family}`} ${port}`;
}

function conflict(first: Redirect, second: Redirect): KubeSpliceError {
  const { protocol, address, port, kind } = second;
  const where = address === null ? `${kind} ${port}` : `${kind} ${address}, port ${port}`;
  return new KubeSpliceError(
    'STEERING_CONFLICT',
    `${second.servicePort}: ${first.servicePort} has ${where}/${protocol} already, and keeps it`,
  );
}
