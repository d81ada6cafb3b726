import { reachableAddress } from '../../model/address.js';
import { countOf } from '../../status/quantity.js';
import type { ServicePortStatus } from '../../status/service-port-status.js';
import { type DemoClient, EchoClient, WhoamiClient } from './demo-client.js';

/** Round robin is exactly fair: so many for each endpoint, neither more nor less. */
const REQUESTS_EACH = 3;

/** How the requests to one service port were balanced. */
export interface BalanceCheck {
  /** Its name, the number of requests, and how many each endpoint answered. */
  readonly cells: readonly string[];
  /** What was not as it should be, a line each; empty where all is well. */
  readonly problems: readonly string[];
}

/**
 * Makes three requests for each endpoint through the portal, one after the other, and tells who answered.
 *
 * @param names the endpoints that are to answer.
 * @param signal ends it early: what was not asked yet counts as not answered.
 */
export async function checkBalance(
  { name, protocol, portal, error }: ServicePortStatus,
  names: readonly string[],
  signal: AbortSignal,
): Promise<BalanceCheck> {
  if (portal === null) return { cells: [name, 'no portal'], problems: [`${name}: ${error}`] };
  const reachable = { ...portal, address: reachableAddress(portal.address) };
  const client = protocol === 'TCP' ? new WhoamiClient(reachable) : new EchoClient(reachable);
  const asked = names.length * REQUESTS_EACH;
  try {
    const { answers, failures } = await askAll(client, asked, signal);
    return {
      cells: [
        name,
        countOf(asked, protocol === 'TCP' ? 'request' : 'datagram'),
        ...names.map((endpoint) => `${endpoint} ${answers.get(endpoint) ?? 0}`),
      ],
      problems: [...failures, ...unfairShares(names, answers)].map((problem) => `${name}: ${problem}`),
    };
  } finally {
    await client.close();
  }
}

interface Answers {
  /** How many each endpoint gave. */
  readonly answers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

async function askAll(client: DemoClient, asked: number, signal: AbortSignal): Promise<Answers> {
  const answers = new Map<string, number>();
  const failures: string[] = [];
  for (let request = 1; request <= asked && !signal.aborted; request += 1) {
    try {
      const endpoint = await client.ask();
      answers.set(endpoint, (answers.get(endpoint) ?? 0) + 1);
    } catch (error) {
      failures.push(
        `request ${request} of ${asked}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return { answers, failures };
}

function unfairShares(names: readonly string[], answers: ReadonlyMap<string, number>): string[] {
  const all = new Set([...names, ...answers.keys()]);
  return [...all].flatMap((endpoint) => {
    const answered = answers.get(endpoint) ?? 0;
    const due = names.includes(endpoint) ? REQUESTS_EACH : 0;
    return answered === due ? [] : [`${endpoint} answered ${answered} times instead of ${due}`];
  });
}
