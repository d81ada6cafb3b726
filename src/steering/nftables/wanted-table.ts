import { setImmediate as nextTurn } from 'node:timers/promises';
import { type IPFamily, isLoopback } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { GuardedPortal, Redirect, SteeringState } from '../steering.js';
import { listeningAddress } from './family-words.js';
import { elementsOf, type RedirectElements } from './redirect-elements.js';

/** Redirects and portals that are looked at in one turn of the event loop: a few milliseconds, where all are new. */
const SLICE = 2048;

/** What a table is to hold beside its outline. */
export interface WantedContent {
  /**
   * What brings about each redirect; no two of them have an element in common. Most redirects are the same objects from one
   * time to the next: so a change among ten thousand is found without a look at their elements.
   */
  readonly parts: ReadonlyMap<Redirect, RedirectElements>;
  /** Ports of the portals that are guarded: as they are for TCP, negative for UDP. */
  readonly portals: ReadonlySet<number>;
  /** The rules of each chain of sources, by its name. */
  readonly sourceChains: ReadonlyMap<string, readonly string[]>;
}

/** What the kernel is to have in one family. */
export interface WantedTable {
  /** Null where nothing is steered or guarded in this family: there is to be no table. */
  readonly content: WantedContent | null;
  /** Where the portals listen that are steered to; `all` for every address of the node. */
  readonly portalAddress: string | 'all';
}

/** Makes what the table of one family holds, and remembers what it made of each redirect the last time. */
export class TableMaker {
  #parts: ReadonlyMap<Redirect, RedirectElements> = new Map();

  constructor(private readonly family: IPFamily) {}

  /**
   * @param state of both families: only what is of this one is looked at.
   * @throws KubeSpliceError `STEERING_FAILED` where portals listen on several addresses: packets are steered to one.
   */
  async make({ redirects, portals }: SteeringState): Promise<WantedTable> {
    const parts = new Map<Redirect, RedirectElements>();
    const sourceChains = new Map<string, readonly string[]>();
    let portalAddress: string | 'all' | null = null;
    let seen = 0;
    for (const redirect of redirects) {
      seen += 1;
      if (seen % SLICE === 0) await nextTurn();
      if (redirect.family !== this.family) continue;
      const part = this.#parts.get(redirect) ?? elementsOf(redirect, this.family);
      parts.set(redirect, part);
      for (const address of part.portalAddresses) {
        if (portalAddress !== null && portalAddress !== address)
          throw severalAddresses(portalAddress, address);
        portalAddress = address;
      }
      if (part.limit !== null) sourceChains.set(part.limit.name, part.limit.rules);
    }
    this.#parts = parts;
    const guarded = new Set<number>();
    for (const portal of portals)
      if (isGuarded(portal, this.family)) guarded.add(portal.protocol === 'TCP' ? portal.port : -portal.port);
    const isNeeded = parts.size > 0 || guarded.size > 0;
    const content = isNeeded ? { parts, portals: guarded, sourceChains } : null;
    return { content, portalAddress: portalAddress ?? 'all' };
  }
}

/** Whether packets of this family from off the node reach a socket that listens there. */
function isGuarded({ address }: GuardedPortal, family: IPFamily): boolean {
  const listening = listeningAddress(address, family);
  return listening !== null && !isLoopback(listening);
}

function severalAddresses(one: string, another: string): KubeSpliceError {
  return new KubeSpliceError(
    'STEERING_FAILED',
    `nftables steers to one address of each family, and portals listen on ${one} and on ${another}`,
  );
}
