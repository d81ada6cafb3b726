import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import { Machine } from '../../support/network/machine.js';
import { deleteOrphanedNamespaces, NetworkNamespace } from '../../support/network/network-namespace.js';
import { RELAY_IN_NAMESPACE_MISSING, startRelayIn } from '../../support/network/relay-in-namespace.js';

const NETWORK_TIMEOUT_MS = 60_000;
const RELAY = '10.1.0.1';
const CLIENT = '10.1.0.2';
const BROADCAST = '10.1.0.255';
const ENDPOINT_PORT = 7_000;

/** Sends one datagram to the broadcast address, and prints who answered, and what. */
const ASK_EVERYBODY = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (text, { address }) => {
    console.log(address + ': ' + text);
    socket.close();
  });
  socket.bind(0, () => {
    socket.setBroadcast(true);
    socket.send('hello', Number(process.argv[2]), process.argv[1]);
  });
  setTimeout(() => process.exit(1), 3_000).unref();
`;

describe.skipIf(RELAY_IN_NAMESPACE_MISSING)(
  'a UDP portal that is sent a broadcast (skipped where the relay is not built, and but for root)',
  { timeout: NETWORK_TIMEOUT_MS },
  () => {
    let relayMachine: Machine | undefined;
    let client: NetworkNamespace | undefined;
    beforeAll(async () => {
      await deleteOrphanedNamespaces();
      relayMachine = await Machine.create('relay');
      client = await NetworkNamespace.create('client');
      await relayMachine.namespace.ipBatch(
        `link add eth0 type veth peer name eth0 netns ${client.name}`,
        `address add ${RELAY}/24 broadcast ${BROADCAST} dev eth0`,
        'link set eth0 up',
      );
      await client.ipBatch(`address add ${CLIENT}/24 broadcast ${BROADCAST} dev eth0`, 'link set eth0 up');
      await relayMachine.serveUdp(ENDPOINT_PORT);
    }, NETWORK_TIMEOUT_MS);
    afterAll(async () => {
      await client?.delete();
      await relayMachine?.delete();
    }, NETWORK_TIMEOUT_MS);

    it.each(['0.0.0.0', '::'])('on %s answers from its own address', async (address) => {
      if (relayMachine === undefined || client === undefined) throw new Error('they are made before');
      const { relay } = await startRelayIn(relayMachine.namespace);
      const { port } = await relay.open({
        name: 'default/echo',
        protocol: 'UDP',
        address,
        port: 0,
        routing: { endpoints: [endpoint(RELAY, ENDPOINT_PORT)], sessionAffinity: { type: 'None' } },
      });
      const { stdout } = await client.run([process.execPath, '-e', ASK_EVERYBODY, BROADCAST, `${port}`]);
      expect(stdout).toBe(`${RELAY}: relay heard hello\n`);
    });
  },
);
