import { expect, it } from 'vitest';
import { RuleMaker } from '../../../src/steering/iptables/desired-rules.js';
import { NO_GROUPS } from '../../../src/steering/iptables/guard-rules.js';
import { ALL_CAPABILITIES } from '../../../src/steering/iptables/rule-text.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

const web = aRedirect();
const nodePort = aRedirect({ kind: 'NodePort', port: 30_080 });

function aMaker(has = ALL_CAPABILITIES) {
  const node = { address: '172.30.0.1', looks: 0 };
  const look = () => {
    node.looks += 1;
    return node.address;
  };
  const place = aPlace({ nodeAddress: look, localAddresses: () => ['127.0.0.1', look()] });
  return { node, maker: new RuleMaker({ family: 'IPv4', place, has }) };
}

it('rules are made with one look at the addresses of the node, however many redirects there are', async () => {
  const many = Array.from({ length: 500 }, (_, index) =>
    aRedirect({ servicePort: `default/s${index}`, address: `10.97.${index >> 8}.${index & 255}` }),
  );
  const { node, maker } = aMaker();
  await maker.make(steeringState(web, nodePort, ...many), NO_GROUPS);
  expect(node.looks).toBe(1);
  const withoutAddrtype = aMaker({ ...ALL_CAPABILITIES, addrtype: false });
  await withoutAddrtype.maker.make(
    steeringState(web, { ...nodePort, verdict: 'reject' }, ...many),
    NO_GROUPS,
  );
  expect(withoutAddrtype.node.looks).toBe(2);
});

it('rules follow the node where it has another address', async () => {
  const { node, maker } = aMaker();
  await maker.make(steeringState(web), NO_GROUPS);
  node.address = '172.30.0.9';
  const { chains } = await maker.make(steeringState(web), NO_GROUPS);
  expect([...(chains.nat.get('KUBE-PORTALS-HOST') ?? [])]).toEqual([
    expect.stringMatching(/--to-destination 172\.30\.0\.9:40001$/),
  ]);
});
