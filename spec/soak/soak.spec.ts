import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { seededRandom } from '../support/seeded-random.js';
import { SteadyLoad } from '../support/steady-load.js';
import { SOAK_FAULTS } from './soak-faults.js';
import { type Footprint, SoakedProxy } from './soaked-proxy.js';

/** How long, minutes; `npm run soak` says 30. */
const MINUTES = Number(process.env.KUBE_SPLICE_SOAK_MINUTES ?? '2');
/** Names the order of what happens; one of the day unless it is given. */
const SEED = Number(
  process.env.KUBE_SPLICE_SOAK_SEED ?? new Date().toISOString().slice(0, 10).replaceAll('-', ''),
);
const IS_ROOT = process.getuid?.() === 0;
const CLIENTS = { kept: 20, reconnecting: 10, udp: 5 };
/** Questions of each kind between two faults. */
const BETWEEN = 30;
const BETWEEN_MS = 500;
const QUIET_MS = 30_000;
/** Connections that are between two clients at that moment. */
const FILES_SLACK = CLIENTS.reconnecting;
/** What memory may differ by at the end, bytes: arenas of malloc, and what V8 keeps for its next objects. */
const RELAY_SLACK = 4_000_000;
const CONTROL_SLACK = 60_000_000;

describe.skipIf(NATIVE_RELAY_MISSING || !IS_ROOT)(
  `a soak of ${MINUTES} minutes with seed ${SEED} (skipped where the native relay is not built, and but for root)`,
  () => {
    it(
      'loses nothing, whatever happens, and ends with the files and the memory that it began with',
      async () => {
        const random = seededRandom(SEED);
        const proxy = await SoakedProxy.start();
        const load = await SteadyLoad.start({
          address: proxy.web.address,
          tcpPort: proxy.web.port,
          udpPort: proxy.dns.port,
          ...CLIENTS,
        });
        // All that happens has happened once: what is made at the first time is there.
        for (const { happen } of SOAK_FAULTS) await happen(proxy, random);
        const before = await quiet(proxy);
        const happened = new Map<string, number>();
        const ends = performance.now() + MINUTES * 60_000;
        while (performance.now() < ends) {
          const fault = SOAK_FAULTS[Math.floor(random() * SOAK_FAULTS.length)];
          if (fault === undefined) throw new Error('there is one for each number');
          await fault.happen(proxy, random);
          happened.set(fault.name, (happened.get(fault.name) ?? 0) + 1);
          await load.more(BETWEEN);
          await pause(random() * BETWEEN_MS);
          // Nobody has to wait for the end to hear of the first failure.
          expect(load.failures).toEqual([]);
        }
        const after = await quiet(proxy);
        const result = await load.stop();
        const summary = { seed: SEED, minutes: MINUTES, before, after, happened: [...happened], result };
        process.stdout.write(`soak: ${JSON.stringify(summary)}\n`);
        expect(result.failures).toEqual([]);
        expect(after.relayFiles).toBeLessThanOrEqual(before.relayFiles + FILES_SLACK);
        expect(after.relayBytes).toBeLessThan(before.relayBytes + RELAY_SLACK);
        expect(after.controlBytes).toBeLessThan(before.controlBytes + CONTROL_SLACK);
        const { servicePorts } = await proxy.control.report();
        expect(servicePorts.map(({ dialFailures }) => dialFailures)).toEqual([0, 0]);
      },
      (MINUTES + 5) * 60_000,
    );
  },
);

/** What it holds when nothing but the steady clients is left: sessions have expired, pipes are closed. */
async function quiet(proxy: SoakedProxy): Promise<Footprint> {
  await eventually(async () => {
    const { servicePorts } = await proxy.control.report();
    const open = servicePorts.map((port) => port.activeConnections + port.udpSessions);
    expect(Math.max(...open)).toBeLessThanOrEqual(CLIENTS.kept + CLIENTS.reconnecting);
  }, QUIET_MS);
  // The files of a moment hold connections that begin and end: the fewest are those that stay.
  const seen: Footprint[] = [];
  for (let i = 0; i < 40; i++) {
    seen.push(proxy.footprint());
    await pause(100);
  }
  const fewest = Math.min(...seen.map(({ relayFiles }) => relayFiles));
  return seen.find(({ relayFiles }) => relayFiles === fewest) ?? proxy.footprint();
}
