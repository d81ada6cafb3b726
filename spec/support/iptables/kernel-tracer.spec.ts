import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeIptables } from './fake-iptables.js';
import {
  type Answer,
  KERNEL_NODE,
  KernelNode,
  type KernelPlace,
  LISTENED_PORTS,
  OUTSIDE_SERVICE,
} from './kernel-node.js';
import { whyNoRealIptables } from './real-iptables.js';
import type { Outcome } from './tracer.js';

const missing = whyNoRealIptables();

/** Nothing on the way takes so long: what is not answered by then was dropped. */
const SILENCE_MS = 150;

/** What a client sees of an outcome. */
function seen(outcome: Outcome): Answer {
  switch (outcome.outcome) {
    case 'delivered':
    case 'forwarded': {
      const { address, port, source } = outcome;
      return { by: outcome.outcome === 'delivered' ? 'node' : 'outside', address, port, source };
    }
    case 'rejected':
      return 'refused';
    case 'dropped':
      return 'silence';
  }
}

const port = fc.constantFrom(...LISTENED_PORTS);
const destination = fc.constantFrom(OUTSIDE_SERVICE, '172.30.0.1', '10.244.1.1');
const negation = fc.constantFrom('', '', '! ');

const match = fc.oneof(
  fc.tuple(negation, destination).map(([not, address]) => `${not}-d ${address}`),
  fc
    .tuple(negation, fc.constantFrom('10.244.1.5', '172.30.0.77', '172.30.0.1', '10.0.0.0/8'))
    .map(([not, address]) => `${not}-s ${address}`),
  fc.tuple(negation, port).map(([not, number]) => `-m tcp ${not}--dport ${number}`),
  fc
    .tuple(negation, fc.subarray(LISTENED_PORTS, { minLength: 1 }))
    .map(([not, ports]) => `-m multiport ${not}--dports ${ports}`),
  negation.map((not) => `-m addrtype ${not}--dst-type LOCAL`),
  negation.map((not) => `-m conntrack ${not}--ctstate DNAT`),
  negation.map((not) => `-m conntrack ${not}--ctstate NEW`),
  negation.map((not) => `-m state ${not}--state ESTABLISHED,RELATED`),
  negation.map((not) => `-m mark ${not}--mark 0x10/0x10`),
);
const comesIn = fc
  .tuple(negation, fc.constantFrom('cni0', 'eth+', 'lo'))
  .map(([not, name]) => `${not}-i ${name}`);
const goesOut = fc
  .tuple(negation, fc.constantFrom('cni0', 'eth0', 'lo'))
  .map(([not, name]) => `${not}-o ${name}`);

const matches = fc
  .uniqueArray(match, { maxLength: 2, selector: (text) => /-m \w+|-\w/.exec(text)?.[0] })
  .map((all) => all.join(' '));

/** Rules of one chain; what they say is asked of new connections only, so that those which are answered stay. */
function rules(
  chain: string,
  target: fc.Arbitrary<string>,
  side: fc.Arbitrary<string> = fc.constant(''),
): fc.Arbitrary<readonly string[]> {
  const rule = fc
    .tuple(fc.oneof(fc.constant(''), side), matches, target)
    .map((parts) => `-A ${chain} -p tcp ${parts.join(' ')}`);
  return fc.array(rule, { maxLength: 3 });
}

const steered = fc.oneof(
  port.map((number) => `-j REDIRECT --to-ports ${number}`),
  fc
    .tuple(fc.constantFrom('172.30.0.1', '10.244.1.1', '127.0.0.1'), port)
    .map(([address, number]) => `-j DNAT --to-destination ${address}:${number}`),
  fc.constantFrom('-j ACCEPT', '-j RETURN', '-j U', '-g U', '-j MARK --set-xmark 0x10/0x10'),
);
const judged = fc.constantFrom(
  '-j ACCEPT',
  '-j DROP',
  '-j REJECT',
  '-j REJECT --reject-with tcp-reset',
  '-j RETURN',
  '-j U',
  '-g U',
);

const ESTABLISHED = '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT';

const ruleset = fc
  .record({
    natUser: rules(
      'U',
      steered.filter((text) => !text.endsWith('U')),
    ),
    prerouting: rules('PREROUTING', steered, comesIn),
    natOutput: rules('OUTPUT', steered, goesOut),
    filterUser: rules(
      'U',
      judged.filter((text) => !text.endsWith('U')),
    ),
    input: rules('INPUT', judged, comesIn),
    forward: rules('FORWARD', judged, goesOut),
    output: rules('OUTPUT', judged, goesOut),
    masquerades: fc.boolean(),
  })
  .map(({ natUser, prerouting, natOutput, filterUser, input, forward, output, masquerades }) =>
    [
      '*nat',
      ':U - [0:0]',
      ...natUser,
      ...prerouting,
      ...natOutput,
      ...(masquerades ? ['-A POSTROUTING -o eth0 -s 10.244.1.0/24 -j MASQUERADE'] : []),
      'COMMIT',
      '*filter',
      ':U - [0:0]',
      ...filterUser,
      ...['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => `-A ${chain} ${ESTABLISHED}`),
      ...input,
      ...forward,
      ...output,
      'COMMIT',
      '',
    ].join('\n'),
  );

const places: fc.Arbitrary<KernelPlace> = fc.constantFrom('host', 'pod', 'outside');

describe.skipIf(missing !== null)(`the tracer beside the real kernel (skipped: ${missing ?? 'no'})`, () => {
  let kernel: KernelNode;

  beforeAll(async () => {
    kernel = await KernelNode.start();
  });
  afterAll(() => kernel.close());

  it('lets connections end where the kernel does, by random rules', async () => {
    const connection = fc.record({ from: places, destination, port });
    await fc.assert(
      fc.asyncProperty(ruleset, fc.array(connection, { minLength: 2, maxLength: 4 }), async (input, sent) => {
        const fake = new FakeIptables();
        await fake.somebody('iptables-restore', input);
        kernel.load(input);
        for (const { from, destination: to, port: number } of sent) {
          // Its own address: it would not come to the node.
          if (from === 'outside' && to === OUTSIDE_SERVICE) continue;
          const traced = fake.trace({ from, protocol: 'tcp', destination: to, port: number }, KERNEL_NODE);
          const answer = await kernel.connect(from, to, number, SILENCE_MS);
          expect({ from, to, number, answer }).toEqual({ from, to, number, answer: seen(traced) });
        }
      }),
      { numRuns: 80 },
    );
  }, 60_000);
});
