import type { Field } from './field.js';
import { Interned } from './interned.js';

/**
 * For whom an endpoint is meant (`hints` of an EndpointSlice's endpoint): the traffic of these zones, and of these
 * nodes. At least one of the two lists has an entry.
 */
export interface EndpointHints {
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
}

/** Where an endpoint is, and for whom. Equal values are the same ones: 100,000 endpoints share those of their nodes. */
export interface EndpointTopology {
  /** Null where nobody says it. */
  readonly nodeName: string | null;
  /** Null where there are none. */
  readonly hints: EndpointHints | null;
}

const texts = new Interned<string>();
const hintsByText = new Interned<EndpointHints>();

/** The name of the node that an endpoint is on. */
export function readNodeName(endpoint: Field): string | null {
  const name = endpoint.child('nodeName').text() ?? '';
  return name === '' ? null : texts.of(name, () => name);
}

/** The hints of an endpoint. */
export function readHints(endpoint: Field): EndpointHints | null {
  const hints = endpoint.child('hints');
  if (!hints.present || !hints.mapping()) return null;
  const forZones = readNames(hints.child('forZones'));
  const forNodes = readNames(hints.child('forNodes'));
  if (forZones.length === 0 && forNodes.length === 0) return null;
  return hintsByText.of(JSON.stringify([forZones, forNodes]), () => ({ forZones, forNodes }));
}

function readNames(list: Field): string[] {
  return list.items().flatMap((item) => {
    if (!item.present) item.missing('give a mapping with a name');
    if (!item.mapping()) return [];
    const name = item.child('name');
    if (!name.present || name.value === '') name.missing('name who the endpoint is for');
    const text = name.text() ?? '';
    return text === '' ? [] : [text];
  });
}
