import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { filesOf, residentBytes } from '../support/process-footprint.js';
import { ProxyUnderLoad } from '../support/proxy-under-load.js';
import { SteadyLoad } from '../support/steady-load.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.59';
const MANY = 300;
const SERVICES = 1_000;
const SYNCED_MS = 60_000;
const OWN_SERVICES = 2;
const FLAPS = 80;
const FLAP_MS = 100;
const LORISES = 500;
const LORIS_BYTES = 40;
const LORIS_MS = 100;
/** What a connection that moves a byte now and then may cost the relay's process, bytes. */
const BYTES_OF_LORIS = 2_048;
const FEW_FILES = 256;
/** Two files each: more than fit. */
const HOGS = 200;

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: ADDRESS, port });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function connectMany(count: number, port: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) sockets.push(await connected(port));
  return sockets;
}

describe.skipIf(NATIVE_RELAY_MISSING)('clients notice nothing (skipped without the native relay)', () => {
  it(`of ${SERVICES} Services that appear at once, and vanish`, { timeout: 120_000 }, async () => {
    const running = await ProxyUnderLoad.start({ address: ADDRESS });
    const { proxy, relay, load } = running;
    running.declare({ moreServices: SERVICES });
    await eventually(
      async () => expect(await running.openPortals()).toBe(OWN_SERVICES + SERVICES),
      SYNCED_MS,
    );
    await load.more(MANY);
    expect(filesOf(relay.pid)).toBeGreaterThan(SERVICES);
    running.declare({});
    await eventually(async () => {
      expect((await proxy.report()).servicePorts).toHaveLength(OWN_SERVICES);
    }, SYNCED_MS);
    await load.more(MANY);
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
    await eventually(() => expect(filesOf(relay.pid)).toBeLessThan(SERVICES / 10));
  });

  it('of endpoints that flap ten times a second', { timeout: 60_000 }, async () => {
    const running = await ProxyUnderLoad.start({ address: ADDRESS });
    const { proxy, load } = running;
    const { connections } = load;
    const syncs = async () => (await proxy.report()).sync.succeeded;
    const before = await syncs();
    for (let flap = 0; flap < FLAPS; flap++) {
      running.declare({ endpoints: 1 + (flap % 2), first: flap % 3 });
      await pause(FLAP_MS);
    }
    expect(load.connections - connections).toBeGreaterThan(MANY);
    // A busy machine may find two of them at once, and not most.
    expect((await syncs()) - before).toBeGreaterThan(FLAPS / 4);
    running.declare({});
    await eventually(async () => {
      const web = (await proxy.report()).servicePorts.find(({ name }) => name === 'default/web:main');
      expect(web).toMatchObject({ endpoints: { length: 3 }, dialFailures: 0, noEndpoints: 0 });
    });
    expect((await load.stop()).failures).toEqual([]);
  });

  it(`of ${LORISES} that send a byte at a time, and never finish`, { timeout: 60_000 }, async () => {
    const { relay, load, tcpPort } = await ProxyUnderLoad.start({ address: ADDRESS });
    const before = residentBytes(relay.pid);
    const lorises = await connectMany(LORISES, tcpPort);
    let echoed = 0;
    for (const socket of lorises)
      socket.on('data', (data) => {
        echoed += data.length;
      });
    for (let sent = 0; sent < LORIS_BYTES; sent++) {
      for (const socket of lorises) socket.write('s');
      await pause(LORIS_MS);
      await load.more(1);
    }
    // They are served, too.
    await eventually(() => expect(echoed).toBe(LORISES * LORIS_BYTES));
    expect((residentBytes(relay.pid) - before) / LORISES).toBeLessThan(BYTES_OF_LORIS);
    await load.more(MANY);
    expect((await load.stop()).failures).toEqual([]);
  });

  it(`of a relay with ${FEW_FILES} files that has none left, where they are connected`, {
    timeout: 60_000,
  }, async () => {
    const { proxy, load, tcpPort, udpPort } = await ProxyUnderLoad.start({
      address: ADDRESS,
      openFiles: FEW_FILES,
      clients: { reconnecting: 0 },
    });
    const hogs = await connectMany(HOGS, tcpPort);
    await proxy.program.says(/out of file descriptors/);
    await load.more(MANY);
    expect(proxy.program.stderr.match(/out of file descriptors: new connections wait/g)).toHaveLength(1);
    for (const socket of hogs) socket.destroy();
    await proxy.program.says(/there are file descriptors again/);
    const newcomers = await SteadyLoad.start({
      address: ADDRESS,
      tcpPort,
      udpPort,
      kept: 5,
      reconnecting: 5,
      udp: 5,
    });
    await newcomers.more(MANY);
    expect((await newcomers.stop()).failures).toEqual([]);
    expect((await load.stop()).failures).toEqual([]);
  });
});
