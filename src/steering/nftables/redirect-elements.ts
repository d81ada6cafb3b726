import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { Redirect, RedirectTo } from '../steering.js';
import { listeningAddress, PROTOCOL_NUMBERS } from './family-words.js';
import { type SourceChain, sourceChain } from './source-chains.js';
import { REFUSE_AT_ONCE, type SetName } from './table-outline.js';

/** One element of a set or map, as `nft -nn` prints it. */
export interface Element {
  readonly set: SetName;
  readonly key: string;
  readonly value: string;
}

/** What brings about one redirect. */
export interface RedirectElements {
  readonly elements: readonly Element[];
  /** Where the portals listen that it is steered to; `all` for every address of the node. */
  readonly portalAddresses: readonly (string | 'all')[];
  /** The chain that the sources of `limited` are in. */
  readonly limit: SourceChain | null;
}

/**
 * What brings about this redirect of this family.
 *
 * @throws KubeSpliceError `STEERING_FAILED` where its address is none: nothing but an address is ever part of a command.
 */
export function elementsOf(redirect: Redirect, family: IPFamily): RedirectElements {
  const { address, fromNode, sourceRanges } = redirect;
  const isNodePort = address === null;
  const key = elementKey(redirect);
  const elements: Element[] = [];
  const portalAddresses: (string | 'all')[] = [];
  const steer = (set: SetName, { portal }: RedirectTo): boolean => {
    const listening = listeningAddress(portal.address, family);
    if (listening === null) return false;
    portalAddresses.push(listening);
    elements.push({ set, key, value: String(portal.port) });
    return true;
  };
  const isSteered =
    redirect.verdict === 'redirect' && steer(isNodePort ? 'node-ports' : 'services', redirect);
  if (!isSteered)
    elements.push({ set: isNodePort ? 'refused-ports' : 'refused', key, value: refusal(redirect) });
  // Where only the node's own traffic is to be refused, the portal does it: without endpoints it resets what it accepts.
  if (fromNode !== null && (isSteered || fromNode.verdict === 'redirect'))
    steer(isNodePort ? 'own-node-ports' : 'own-services', fromNode);
  // Ranges are those of load-balancer addresses; the node itself may use them, wherever others must come from.
  const limit = isNodePort ? null : sourceChain(sourceRanges, family);
  if (limit !== null) elements.push({ set: 'limited', key, value: `jump ${limit.name}` });
  return { elements, portalAddresses, limit };
}

function refusal({ verdict }: RedirectTo): string {
  return verdict === 'drop' ? 'drop' : `goto ${REFUSE_AT_ONCE}`;
}

function elementKey({ protocol, address, port }: Redirect): string {
  const number = PROTOCOL_NUMBERS[protocol];
  if (address === null) return `${number} . ${port}`;
  if (!/^[\da-f.:]+$/.test(address))
    throw new KubeSpliceError(
      'STEERING_FAILED',
      `${JSON.stringify(address)} is no address in canonical text`,
    );
  return `${number} . ${address} . ${port}`;
}
