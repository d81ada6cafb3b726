import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IPFamily } from '../../../src/model/address.js';
import { settleConflicts } from '../../../src/steering/conflicts.js';
import { type ListedTable, parseListedTable } from '../../../src/steering/nftables/listed-table.js';
import { NftablesRules } from '../../../src/steering/nftables/nftables-rules.js';
import { contentOf, type TableContent } from '../../../src/steering/nftables/table-content.js';
import { TableMaker } from '../../../src/steering/nftables/wanted-table.js';
import {
  IP_FAMILIES,
  type Redirect,
  type SteeringState,
  type Verdict,
} from '../../../src/steering/steering.js';
import { NetnsCommands } from '../../support/netns-commands.js';
import { NetworkNamespace } from '../../support/network/network-namespace.js';
import { missingFor } from '../../support/network/requirements.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

const missing = missingFor('nftables');

const verdict = fc.constantFrom<Verdict>('redirect', 'redirect', 'reject', 'drop');
const portal = fc.integer({ min: 40_000, max: 40_020 }).map((port) => ({ address: '::', port }));
const to = fc.record({ portal, verdict });
const ranges = fc.constantFrom(
  [],
  ['10.0.0.0/8', '10.1.0.0/16', '192.0.2.7/32'],
  ['fd00::/8', '2001:db8::1/128'],
  ['0.0.0.0/0', '::/0'],
  ['10.1.2.3/16', '2001:db8::/32'],
);

/** Few addresses and ports, so that states have much in common. */
const redirect: fc.Arbitrary<Redirect> = fc
  .record({
    protocol: fc.constantFrom('TCP', 'UDP'),
    where: fc.constantFrom(
      { kind: 'ClusterIP', address: '10.96.0.1' },
      { kind: 'ClusterIP', address: 'fd00:10:96::1' },
      { kind: 'ExternalIP', address: '2001:db8:0:1:1:1:1:1' },
      { kind: 'LoadBalancer', address: '172.30.0.200' },
      { kind: 'LoadBalancer', address: 'fd00:172:30::200' },
      { kind: 'NodePort', address: null, family: 'IPv4' },
      { kind: 'NodePort', address: null, family: 'IPv6' },
    ),
    port: fc.integer({ min: 1, max: 4 }),
    sourceRanges: ranges,
    external: to,
    fromNode: fc.option(to),
  })
  .map(({ where, external, sourceRanges, ...rest }) =>
    aRedirect({
      ...(where as Partial<Redirect>),
      ...external,
      ...rest,
      sourceRanges: where.kind === 'LoadBalancer' ? sourceRanges : [],
    }),
  );

const state: fc.Arbitrary<SteeringState> = fc
  .array(redirect, { maxLength: 30 })
  .map((redirects) => steeringState(...settleConflicts(redirects).redirects));

describe.skipIf(missing !== '')(`whatever is to be steered by nftables${missing}`, () => {
  let namespace: NetworkNamespace;
  beforeAll(async () => {
    namespace = await NetworkNamespace.create('nft-any');
  });
  afterAll(() => namespace.delete());

  const list = async (family: IPFamily): Promise<ListedTable | null> => {
    const table = family === 'IPv4' ? 'ip' : 'ip6';
    const { stdout } = await namespace.run(['nft', '-nn', 'list', 'table', table, 'kube-splice']);
    return stdout === '' ? null : parseListedTable(stdout);
  };

  const wanted = async (family: IPFamily, of: SteeringState): Promise<TableContent | null> => {
    const { content } = await new TableMaker(family).make(of);
    return content === null ? null : contentOf(content);
  };

  it('is what the kernel prints, also where it became so by changes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 4 }), async (states) => {
        await namespace.output(['nft', 'flush', 'ruleset']);
        const commands = new NetnsCommands(namespace.name);
        const place = aPlace({ clusterCIDRs: ['10.244.0.0/16', 'fd00:10:244::/56'] });
        const rules = new NftablesRules({ runner: commands, place, program: 'nft' });
        await rules.whyNot('IPv4');
        await rules.whyNot('IPv6');
        for (const [index, each] of states.entries()) {
          commands.forget();
          await rules.write(each, 'changes');
          // No change was refused: that would have been read and written again.
          if (index > 0) expect(commands.commands.length).toBeLessThanOrEqual(1);
          for (const family of IP_FAMILIES) {
            const listed = await list(family);
            const content = await wanted(family, each);
            expect(listed?.content ?? null).toEqual(content);
          }
        }
      }),
      { numRuns: 15 },
    );
  });
});
