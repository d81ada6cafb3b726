import { setImmediate as nextTurn } from 'node:timers/promises';
import { type IPFamily, parseAddress } from '../../model/address.js';

/** An address (canonical text) and a port of one side of a flow. */
export interface FlowPlace {
  readonly address: string;
  readonly port: number;
}

/** UDP flows that were sent to the same place and go to the same place, whoever their clients are. */
export interface FlowGroup {
  readonly family: IPFamily;
  readonly sentTo: FlowPlace;
  /** Where answers are expected from: another place than `sentTo` where that was translated. */
  readonly goesTo: FlowPlace;
  /** Whether they are tracked in a zone apart (the CT target of iptables), as networks that overlap are. */
  readonly isZoned: boolean;
  /** How many they are. */
  readonly flows: number;
}

/** The tuple of the client, then that of the answer; counters and `[UNREPLIED]` may stand in between. */
const FLOW =
  /^\s*(?:ipv[46]\s+\d+\s+)?udp\s.*?\bsrc=\S+ dst=(\S+) sport=\d+ dport=(\d+)\s.*?\bsrc=(\S+) dst=\S+ sport=(\d+) dport=\d+/;
const ZONE = /\bzone(?:-orig|-reply)?=(?!0\b)\d/;

/** Lines that are read in one turn of the event loop: a few milliseconds. A busy node has 100,000 flows. */
const SLICE = 4_096;

/**
 * Reads what `conntrack -L -p udp` printed, a line for each flow:
 *
 *     udp  17 29 src=10.1.0.2 dst=10.96.0.10 sport=4096 dport=53 src=172.30.0.1 dst=10.1.0.2 sport=40001 dport=4096 [ASSURED] mark=0 use=1
 *
 * Lines that are something else are passed over: what is not understood is not to be removed.
 */
export async function readConntrackDump(text: string, family: IPFamily): Promise<readonly FlowGroup[]> {
  const counts = new Map<string, { readonly group: Omit<FlowGroup, 'flows'>; flows: number }>();
  let lines = 0;
  for (const line of linesOf(text)) {
    lines += 1;
    if (lines % SLICE === 0) await nextTurn();
    const [whole, ...places] = FLOW.exec(line) ?? [];
    if (whole === undefined) continue;
    const isZoned = ZONE.test(line);
    const key = `${places.join(' ')} ${isZoned}`;
    const known = counts.get(key);
    if (known !== undefined) known.flows += 1;
    else {
      const [sentTo, goesTo] = [placeOf(places[0], places[1]), placeOf(places[2], places[3])];
      if (sentTo && goesTo) counts.set(key, { group: { family, sentTo, goesTo, isZoned }, flows: 1 });
    }
  }
  return Array.from(counts.values(), ({ group, flows }) => ({ ...group, flows }));
}

function* linesOf(text: string): Generator<string, undefined> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const next = end === -1 ? text.length : end;
    yield text.slice(start, next);
    start = next + 1;
  }
}

function placeOf(addressText = '', portText = ''): FlowPlace | undefined {
  const address = parseAddress(addressText)?.address;
  const port = Number(portText);
  return address === undefined || port > 65_535 ? undefined : { address, port };
}
