import { parseAddress } from '../../model/address.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { AffinityBinding, PortalCounters, RelayProcessFigures } from '../engine.js';
import { type RelayConnection, RelayRefusal } from './relay-connection.js';
import { parseCounters } from './relay-counters.js';
import { parseBond, parseProcess } from './relay-process-figures.js';
import * as protocol from './relay-protocol.js';

/** What an older relay answers to a request, or to a word of one, that it does not know. */
const NOT_KNOWN: ReadonlySet<string> = new Set(['UNKNOWN_VERB', 'SYNTAX']);

/** As much as the relay tells: an older one has fewer counters. Rejects where it does not answer. */
export function askCounters(
  connection: RelayConnection,
): Promise<ReadonlyMap<ServicePortName, PortalCounters>> {
  const ask = (words: string) => connection.ask([words], ({ lines }) => parseCounters(lines));
  return ifKnown(ask('counters all'), () => ask('counters'));
}

/** Null where it does not tell. Rejects where it does not answer. */
export function askProcess(connection: RelayConnection): Promise<RelayProcessFigures | null> {
  return ifKnown(
    connection.ask(['process'], ({ ok }) => parseProcess(ok)),
    () => null,
  );
}

/** Null where there is no such bond, or it does not tell. Rejects where it does not answer. */
export async function askAffinity(
  connection: RelayConnection,
  name: ServicePortName,
  clientAddress: string,
): Promise<AffinityBinding | null> {
  // It goes by the address alone: an interface (`fe80::1%eth0`) is not part of it.
  const client = parseAddress(clientAddress.replace(/%.*$/, ''))?.address;
  if (client === undefined || !protocol.canBeNamed(name)) return null;
  const asked = connection.ask(protocol.affinityOf(name, client), ({ ok }) => parseBond(ok));
  return ifKnown(asked, () => null, 'NO_PORTAL');
}

async function ifKnown<T>(asked: Promise<T>, otherwise: () => T | Promise<T>, another?: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof RelayRefusal)) throw error;
    if (!NOT_KNOWN.has(error.code) && error.code !== another) throw error;
    return otherwise();
  }
}
