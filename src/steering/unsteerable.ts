import type { IPFamily } from '../model/address.js';
import { KubeSpliceError } from '../model/errors.js';
import type { ServicePortName } from '../model/service-port.js';
import type { Redirect } from './steering.js';

/** Redirects that can be steered, and what is to be told of the others: one error for each reason. */
export interface Sorted {
  readonly steerable: readonly Redirect[];
  readonly unsteered: readonly KubeSpliceError[];
}

/**
 * Sorts out what no rule could bring to its portal: a family that can't be steered here, or that the portal does not
 * listen for.
 *
 * @param reasons why a family can't be steered; none for one that can.
 */
export function withoutUnsteerable(
  redirects: readonly Redirect[],
  reasons: ReadonlyMap<IPFamily, string>,
): Sorted {
  const steerable: Redirect[] = [];
  const without = new Map<string, Set<ServicePortName>>();
  for (const redirect of redirects) {
    const reason = reasonAgainst(redirect, reasons);
    if (reason === null) steerable.push(redirect);
    else without.set(reason, (without.get(reason) ?? new Set()).add(redirect.servicePort));
  }
  if (without.size === 0) return { steerable: redirects, unsteered: [] };
  return { steerable, unsteered: Array.from(without, ([reason, of]) => unsteered(reason, of)) };
}

function reasonAgainst(
  { family, portal, fromNode }: Redirect,
  reasons: ReadonlyMap<IPFamily, string>,
): string | null {
  const reason = reasons.get(family);
  if (reason !== undefined) return `${family} can't be steered: ${reason}`;
  const deaf = [portal, ...(fromNode === null ? [] : [fromNode.portal])].find(
    ({ address }) => !listensFor(family, address),
  );
  return deaf === undefined ? null : `portals on ${deaf.address} don't listen for ${family}`;
}

/** `::` is for both families, as far as the relay listens. */
function listensFor(family: IPFamily, address: string): boolean {
  return address === '::' || address.includes(':') === (family === 'IPv6');
}

function unsteered(reason: string, of: ReadonlySet<ServicePortName>): KubeSpliceError {
  const [first = ''] = of;
  const others = of.size === 1 ? '' : `, and ${of.size - 1} more`;
  return new KubeSpliceError('STEERING_UNSUPPORTED', `${first}${others}: ${reason}`);
}
