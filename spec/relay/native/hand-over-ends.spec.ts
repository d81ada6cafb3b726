import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually, within } from '../../support/deadline.js';
import { buildHandOverPeers, HAND_OVER_PEERS_MISSING, HandOverPeer } from '../../support/hand-over-peer.js';
import {
  NATIVE_RELAY_MISSING,
  type StartedRelay,
  startRelayProgram,
} from '../../support/native-relay-program.js';
import { NotifyReceiver, PERL_MISSING } from '../../support/notify-receiver.js';
import { cpuMsOf } from '../../support/process-cpu.js';
import { RelayPeer } from '../../support/relay-program.js';
import { stopProcess } from '../../support/stopped-process.js';
import { echo, handOver, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { UdpClient } from '../../support/udp-client.js';
import { echoDatagram, silent, UdpEndpoint } from '../../support/udp-endpoint.js';

const CAN_RUN = !NATIVE_RELAY_MISSING && !HAND_OVER_PEERS_MISSING && !PERL_MISSING;
/** Of a stand-in for the relay before: what waits in its connection's pipe. */
const PIPED = 'x'.repeat(1000);
const QUIET_MS = 1_000;
/** Longer than either relay waits for a word of the other before `taken`, s. */
const LONG_MS = 11_000;

/** A relay that has said hello to a peer. */
async function startWithPeer(...argv: readonly string[]) {
  const socket = join(temporaryDirectory(), 'relay.sock');
  const relay = await startRelayProgram(socket, ...argv);
  return { socket, relay, peer: await peerOf(socket) };
}

async function peerOf(socket: string): Promise<RelayPeer> {
  const peer = await RelayPeer.connect(socket);
  onTestFinished(() => peer.end());
  await peer.lines(1);
  await peer.ask(1, '1 hello 1\n');
  return peer;
}

/** Another relay in its place, and a peer of it. */
async function follow(old: StartedRelay, socket: string) {
  const relay = await startRelayProgram(socket, '--take-over', '--threads', '1');
  expect(await old.ended).toBe(0);
  return { relay, peer: await peerOf(socket) };
}

async function openPortal(
  peer: RelayPeer,
  name: string,
  protocol: 'tcp' | 'udp',
  endpoint: string,
): Promise<number> {
  const [answer = ''] = await peer.ask(
    2,
    `2 portal ${name} ${protocol} 127.0.0.1 0 affinity=none endpoints=1\n2 endpoint ${endpoint}\n`,
  );
  return Number(answer.split(' ').at(-1));
}

/** One counter of a portal. */
async function counter(peer: RelayPeer, name: string, key: string): Promise<number> {
  const lines = await peer.ask(3, '3 counters\n');
  const line = lines.find((candidate) => candidate.startsWith(`3 portal ${name} `)) ?? '';
  return Number(new RegExp(` ${key}=(\\d+)`).exec(line)?.[1]);
}

/** Who hands over what it has stays at a standstill until this peer says what it makes of it. */
async function standingStill(socket: string): Promise<HandOverPeer> {
  const successor = HandOverPeer.start('successor', socket);
  expect(await successor.line()).toBe('channel');
  expect(await successor.tell('read')).toMatch(/^read \d+$/);
  return successor;
}

/** A stand-in for the relay before, which has given all it has to one that follows it. */
async function given(variables: Readonly<Record<string, string>> = {}) {
  const endpoint = await TcpEndpoint.listen(handOver);
  const socket = join(temporaryDirectory(), 'relay.sock');
  const before = HandOverPeer.start('predecessor', socket, endpoint.key);
  const pid = Number((await before.line()).replace('listens ', ''));
  Object.assign(process.env, variables);
  onTestFinished(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });
  const [relay, word] = await Promise.all([startRelayProgram(socket, '--take-over'), before.tell('give')]);
  expect(word).toBe('given');
  return { before, pid, relay, socket, served: await endpoint.accepted() };
}

describe.skipIf(!CAN_RUN)(
  `a relay and the one that follows it (skipped without a relay, a compiler, make and perl: ${CAN_RUN})`,
  { timeout: 60_000 },
  () => {
    beforeAll(buildHandOverPeers, 60_000);

    describe('sockets that another process has open still', () => {
      /** All that a relay has, in a third process too, and then in the relay that follows. */
      async function sharedWithAnother() {
        const { socket, relay, peer } = await startWithPeer();
        await peer.ask(4, '4 configure udp-idle-ms=300 udp-reply-ms=0\n');
        const web = await TcpEndpoint.listen(handOver);
        const dns = await UdpEndpoint.bind(echoDatagram);
        const port = await openPortal(peer, 'web', 'tcp', web.key);
        const udpPort = await openPortal(peer, 'dns', 'udp', dns.key);
        const at = { address: '127.0.0.1', port };
        const connect = async () => {
          const client = await tcpConnect(at);
          await client.send('hello');
          const served = await web.accepted();
          await served.receive(5);
          return { client, served };
        };
        const connections = {
          inOrder: await connect(),
          endpointResets: await connect(),
          clientResets: await connect(),
        };
        const client = await UdpClient.connect({ address: '127.0.0.1', port: udpPort });
        expect(await client.ask('q')).toBe('q');
        const holder = await standingStill(socket);
        expect(await holder.tell('close')).toBe('closed');
        const next = await follow(relay, socket);
        return { ...next, at, connections, dns };
      }

      it('are finished and reset for their peers at once', async () => {
        const { connections } = await sharedWithAnother();
        const { inOrder, endpointResets, clientResets } = connections;
        inOrder.client.finish();
        expect(await inOrder.served.ending()).toBe('fin');
        inOrder.served.finish();
        expect(await inOrder.client.ending()).toBe('fin');
        endpointResets.served.reset();
        expect(await endpointResets.client.ending()).toBe('reset');
        clientResets.client.reset();
        expect(await clientResets.served.ending()).toBe('reset');
      });

      it('tell nothing any more of what has ended', async () => {
        const { relay, peer, dns } = await sharedWithAnother();
        await eventually(async () => expect(await counter(peer, 'dns', 'udp-sessions')).toBe(0));
        const [out, cpu] = [await counter(peer, 'dns', 'out'), cpuMsOf(relay.pid)];
        dns.sendToLastSource('late');
        await delay(QUIET_MS);
        expect(await counter(peer, 'dns', 'out')).toBe(out);
        // An event that nobody takes would come again and again.
        expect(cpuMsOf(relay.pid) - cpu).toBeLessThan(QUIET_MS / 4);
      });

      it('take no client more once their portal has closed', async () => {
        const { peer, at } = await sharedWithAnother();
        expect(await peer.ask(5, '5 close web\n')).toEqual(['5 ok']);
        await expect(tcpConnect(at)).rejects.toThrow('ECONNREFUSED');
      });
    });

    describe('the last word', () => {
      it('is the end of the channel: the one that follows serves, also where nobody has heard that it took over', async () => {
        const { before, relay, served } = await given();
        expect(await before.tell('leave')).toBe('left');
        // The connection's bytes stood in a pipe, its endpoint had room, and its client was silent.
        expect(await served.text(PIPED.length)).toBe(PIPED);
        served.finish();
        expect(await before.tell('finish')).toBe('finished');
        // The other has the socket open still.
        expect(await served.ending()).toBe('fin');
        expect(relay.hasEnded).toBe(false);
      });

      it(`is waited for, however long (${LONG_MS} ms)`, async () => {
        const { before, relay, served } = await given();
        expect(await before.tell('wait')).toBe('taken');
        await delay(LONG_MS);
        expect(served.bytesReceived).toBe(0);
        expect(relay.hasEnded).toBe(false);
        expect(await before.tell('leave')).toBe('left');
        expect(await served.text(PIPED.length)).toBe(PIPED);
      });

      it('may be that the other goes on: the one that follows ends, and the manager knows who serves', async () => {
        const manager = await NotifyReceiver.start();
        const { before, pid, relay, served } = await given({ NOTIFY_SOCKET: manager.address });
        await manager.received(/^MAINPID=/);
        expect(await before.tell('resume')).toBe('resumed');
        expect(await relay.ended).toBe(1);
        expect(relay.stderr()).toContain('it goes on');
        await eventually(() => {
          const told = manager.lines.filter((line) => line.startsWith('MAINPID='));
          expect(told.at(-1)).toBe(`MAINPID=${pid}`);
        });
        expect(served.bytesReceived).toBe(0);
      });

      it('may be that it had been asked to end: the one that follows does so', async () => {
        const { before, relay, served } = await given();
        expect(await before.tell('ending')).toBe('left');
        expect(await served.text(PIPED.length)).toBe(PIPED);
        served.finish();
        await before.end();
        expect(await within('the end of the relay', relay.ended)).toBe(0);
      });

      it('tells of a signal that came when all was given away', async () => {
        const { socket, relay } = await startWithPeer();
        const successor = await standingStill(socket);
        process.kill(relay.pid, 'SIGTERM');
        expect(await successor.tell('taken')).toBe('said');
        expect(await relay.ended).toBe(0);
        expect(await successor.tell('word')).toBe('ending');
      });
    });

    describe('what comes while everything stands still', () => {
      it('is there before anything is taken for late', async () => {
        const IDLE_MS = 1_000;
        const { socket, peer } = await startWithPeer('--threads', '1');
        await peer.ask(4, `4 configure udp-idle-ms=${IDLE_MS} udp-reply-ms=0\n`);
        const dns = await UdpEndpoint.bind(echoDatagram);
        const port = await openPortal(peer, 'dns', 'udp', dns.key);
        const client = await UdpClient.connect({ address: '127.0.0.1', port });
        expect(await client.ask('first')).toBe('first');
        const successor = await standingStill(socket);
        await client.send('second');
        await delay(IDLE_MS + 100);
        expect(await successor.tell('close')).toBe('closed');
        expect((await client.receive()).toString()).toBe('second');
        expect(await counter(peer, 'dns', 'udp-total')).toBe(1);
      });

      it('may be the request to end: nothing is handed over then', async () => {
        const { socket, relay, peer } = await startWithPeer();
        const web = await TcpEndpoint.listen(echo);
        await openPortal(peer, 'web', 'tcp', web.key);
        const [successor, ends] = [await peerOf(socket), await peerOf(socket)];
        const goOn = await stopProcess(relay.pid);
        // In this order, read in one turn: the hand-over waits for the portal, which waits for the workers.
        peer.send('5 close web\n');
        successor.send('5 hand-over\n');
        ends.send('5 shutdown 60000\n');
        goOn();
        expect(await successor.lines(1)).toEqual([expect.stringMatching(/^5 error SHUTTING_DOWN /)]);
        expect(await relay.ended).toBe(0);
      });
    });

    describe('what goes along', () => {
      it('is how often an endpoint has failed, and until when it is passed over', async () => {
        const { socket, relay, peer } = await startWithPeer('--threads', '1');
        const [dead, alive] = [await UdpEndpoint.bind(silent), await UdpEndpoint.bind(echoDatagram)];
        await dead.refuse();
        const [answer = ''] = await peer.ask(
          2,
          `2 portal dns udp 127.0.0.1 0 affinity=none endpoints=2\n2 endpoint ${dead.key}\n2 endpoint ${alive.key}\n`,
        );
        const port = Number(answer.split(' ').at(-1));
        // How long still depends on how busy this machine is; it may be over already.
        const isSetAside = async (of: RelayPeer): Promise<boolean> =>
          (await of.ask(3, '3 counters\n')).some((line) => line.match(`endpoint ${dead.key} .* aside=`));
        await eventually(async () => {
          const client = await UdpClient.connect({ address: '127.0.0.1', port });
          await client.send('q');
          await client.close();
          expect(await isSetAside(peer)).toBe(true);
        });
        const next = await follow(relay, socket);
        expect(await isSetAside(next.peer)).toBe(true);
      });

      it('are the limits of connections, and how many are open', async () => {
        const { socket, relay, peer } = await startWithPeer();
        const web = await TcpEndpoint.listen(handOver);
        const at = { address: '127.0.0.1', port: await openPortal(peer, 'web', 'tcp', web.key) };
        const other = { address: '127.0.0.1', port: await openPortal(peer, 'other', 'tcp', web.key) };
        expect(await peer.ask(4, '4 limit web connections=2\n')).toEqual(['4 ok']);
        await peer.ask(4, '4 configure connections=3\n');
        const clients = [await tcpConnect(at), await tcpConnect(at), await tcpConnect(other)];
        await eventually(() => expect(web.connections).toBe(clients.length));
        const next = await follow(relay, socket);
        await next.peer.ask(5, '5 events\n');
        // Each waits for a place: the one of all together, and then of its portal.
        const waiting = await tcpConnect(at);
        expect(await next.peer.lines(1)).toEqual(['* connections-exhausted - 3']);
        clients[2]?.reset();
        expect(await next.peer.lines(1)).toEqual(['* connections-exhausted web 2']);
        expect(web.connections).toBe(clients.length);
        clients[0]?.reset();
        await eventually(() => expect(web.connections).toBe(clients.length + 1));
        expect(waiting.wasReset).toBe(false);
      });

      it('is the limit of files', async () => {
        const LIMIT = 20;
        const { socket, relay, peer } = await startWithPeer('--threads', '1');
        const web = await TcpEndpoint.listen(echo);
        const port = await openPortal(peer, 'web', 'tcp', web.key);
        await peer.ask(4, `4 configure files=${LIMIT}\n`);
        const next = await follow(relay, socket);
        await next.peer.ask(5, '5 events\n');
        for (let i = 0; i < LIMIT; i++) await tcpConnect({ address: '127.0.0.1', port });
        expect(await next.peer.lines(1)).toEqual([`* files-exhausted ${LIMIT}`]);
      });

      it('is an endpoint that has left the portal, until its last connection ends', async () => {
        const { socket, relay, peer } = await startWithPeer('--threads', '1');
        const [gone, now] = [await TcpEndpoint.listen(echo), await TcpEndpoint.listen(echo)];
        const port = await openPortal(peer, 'web', 'tcp', gone.key);
        const client = await tcpConnect({ address: '127.0.0.1', port });
        await client.send('q');
        expect(await client.text(1)).toBe('q');
        await peer.ask(5, `5 route web affinity=none endpoints=1\n5 endpoint ${now.key}\n`);
        const next = await follow(relay, socket);
        const known = async (): Promise<boolean> =>
          (await next.peer.ask(3, '3 counters\n')).some((line) => line.includes(` endpoint ${gone.key} `));
        expect(await known()).toBe(true);
        client.finish();
        await client.rest();
        await eventually(async () => expect(await known()).toBe(false));
      });
    });
  },
);
