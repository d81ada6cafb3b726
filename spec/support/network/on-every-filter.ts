import { afterAll, beforeAll, describe } from 'vitest';
import { FILTER_NAMES, type FilterName, missingFor } from './requirements.js';
import { SteeredNode } from './steered-node.js';

/** Each starts the program, and many other processes: on a busy machine that takes a while. */
const TEST_TIMEOUT_MS = 60_000;

/**
 * Tests that are run with every packet filter (or with these), one network for each. Where this host cannot do it, they
 * are skipped, and their name says what is missing.
 */
export function onEveryFilter(
  what: string,
  tests: (steered: () => SteeredNode, filter: FilterName) => void,
  filters: readonly FilterName[] = FILTER_NAMES,
): void {
  for (const filter of filters) {
    const missing = missingFor(filter);
    describe.skipIf(missing !== '')(`${what}, with ${filter}${missing}`, { timeout: TEST_TIMEOUT_MS }, () => {
      let steered: SteeredNode | undefined;
      beforeAll(async () => {
        steered = await SteeredNode.create(filter);
      }, TEST_TIMEOUT_MS);
      afterAll(() => steered?.delete(), TEST_TIMEOUT_MS);
      tests(() => {
        if (steered === undefined) throw new Error('its network is made before the tests');
        return steered;
      }, filter);
    });
  }
}
