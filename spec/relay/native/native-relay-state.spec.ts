import { describe, expect, it, onTestFinished } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import type { ServicePortName } from '../../../src/model/service-port.js';
import type { PortalRequest, PortalRouting } from '../../../src/relay/engine.js';
import { NativeRelay } from '../../../src/relay/native/native-relay.js';
import { RelaySocket } from '../../../src/relay/native/relay-socket.js';
import { eventually, within } from '../../support/deadline.js';
import { FakeRelay } from '../../support/fake-relay.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { RecordingObserver } from '../../support/recording-observer.js';

const FOUR = endpoint('10.0.0.4', 8080);
const FIVE = endpoint('10.0.0.5', 8080);
const WEB: ServicePortName = 'default/web:http';

function to(...endpoints: PortalRouting['endpoints']): PortalRouting {
  return { endpoints, sessionAffinity: { type: 'None' } };
}

function request(name: ServicePortName = WEB, port = 0): PortalRequest {
  return { name, protocol: 'TCP', address: '127.0.0.1', port, routing: to(FOUR) };
}

async function start(fake: FakeRelay, patienceMs?: number) {
  const observer = new RecordingObserver();
  const logger = new RecordingLogger();
  const relay = await NativeRelay.start({
    source: new RelaySocket(fake.path),
    observer,
    logger,
    udpIdleTimeoutMs: 250,
    udpReplyTimeoutMs: 5_000,
    maxUdpSessions: (files) => files / 2,
    patienceMs,
  });
  onTestFinished(() => relay.shutdown(0));
  return { relay, observer, logger };
}

describe('the state that a native relay is to have', () => {
  it('begins with what the relay kept, and closes none of it', async () => {
    const fake = await FakeRelay.start();
    fake.portals.set('a/kept', { protocol: 'udp', address: '127.0.0.1', port: 53, lines: [] });
    const { relay } = await start(fake);
    expect(fake.asked).toEqual([
      'hello 1',
      'configure udp-idle-ms=250 udp-sessions=500',
      'configure udp-reply-ms=5000',
      'configure connections=0',
      'events',
      'portals',
    ]);
    expect(relay.portals()).toEqual(
      new Map([['a/kept', { protocol: 'UDP', address: '127.0.0.1', port: 53 }]]),
    );
    expect(relay.pid).toBe(4711);

    await relay.close('a/kept');
    expect(fake.portals.size).toBe(0);
    expect(relay.portals().size).toBe(0);
  });

  it('is told to a relay of an earlier release, but for how long answers are waited for, and that is said', async () => {
    const fake = await FakeRelay.start();
    fake.answers.set(
      'configure udp-reply-ms',
      'error SYNTAX KEY is none of udp-idle-ms, udp-sessions, files',
    );
    const { relay, logger } = await start(fake);
    expect(fake.asked).toContain('configure udp-idle-ms=250 udp-sessions=500');
    expect(logger.messages('warn')).toEqual([
      'the relay is older than kube-splice: UDP answers are not waited for beyond --udp-timeout',
    ]);
    await relay.open(request());
    expect([...fake.portals.keys()]).toEqual([WEB]);
  });

  it('takes a kept portal over when it is opened', async () => {
    const fake = await FakeRelay.start();
    fake.portals.set(WEB, { protocol: 'tcp', address: '127.0.0.1', port: 31_000, lines: [] });
    const { relay } = await start(fake);
    expect(await relay.open(request())).toEqual({ address: '127.0.0.1', port: 31_000 });
    await expect(relay.open(request())).rejects.toMatchObject({
      code: 'PORTAL_OPEN_FAILED',
      message: `${WEB}: it has a portal already`,
    });
  });

  it('gives a kept portal up that could not be taken over, and opens it anew when asked again', async () => {
    const fake = await FakeRelay.start();
    fake.portals.set(WEB, { protocol: 'tcp', address: '127.0.0.1', port: 31_000, lines: [] });
    const { relay } = await start(fake);
    fake.answers.set('portal ', 'error PORT_IN_USE 127.0.0.1:80');
    await expect(relay.open(request(WEB, 80))).rejects.toMatchObject({ code: 'PORTAL_PORT_IN_USE' });
    expect([fake.portals.size, relay.portals().size]).toEqual([0, 0]);
    fake.answers.clear();
    expect(await relay.open(request(WEB, 81))).toEqual({ address: '127.0.0.1', port: 81 });
  });

  it('is told again, whole, to a relay that comes back without it', async () => {
    const fake = await FakeRelay.start();
    const { relay, logger } = await start(fake);
    const { port } = await relay.open(request());
    await relay.open(request('default/dns'));
    await fake.stop();
    fake.forget();
    await eventually(() => expect(relay.pid).toBeUndefined());
    const routed = relay.route(WEB, to(FIVE));
    const closed = relay.close('default/dns');
    const opened = relay.open(request('default/new'));
    await fake.listen();

    await within('everything is told', Promise.all([routed, closed, opened]));
    expect([...fake.portals.keys()].sort()).toEqual(['default/new', WEB]);
    expect(fake.portals.get(WEB)).toEqual({
      protocol: 'tcp',
      address: '127.0.0.1',
      port,
      lines: ['endpoint 10.0.0.5:8080'],
    });
    expect(fake.asked).toContain('keep 1');
    expect(logger.messages('error')).toEqual(['the relay is away: connections wait until it is back']);
    expect(logger.messages('info')).toEqual(['the relay is back']);
  });

  it('keeps what a relay kept through a lost connection, and closes what nobody asked for', async () => {
    const fake = await FakeRelay.start();
    fake.portals.set('a/kept', { protocol: 'tcp', address: '127.0.0.1', port: 80, lines: [] });
    const { relay } = await start(fake);
    await relay.open(request());
    for (const stranger of ['a/stranger', 'stranger'])
      fake.portals.set(stranger, { protocol: 'tcp', address: '127.0.0.1', port: 81, lines: [] });
    fake.drop();
    await eventually(() => expect([...fake.portals.keys()].sort()).toEqual(['a/kept', WEB]));
    await eventually(() => expect(relay.pid).toBe(4711));
    expect([...relay.portals().keys()].sort()).toEqual(['a/kept', WEB]);
  });

  it('is tried again where the relay that came back could not open it', async () => {
    const fake = await FakeRelay.start();
    const { relay, logger } = await start(fake);
    await relay.open(request());
    fake.answers.set('portal ', 'error PORT_IN_USE 127.0.0.1:30001');
    fake.portals.clear();
    fake.drop();
    await eventually(() => expect(logger.messages('error').join()).toContain('PORTAL_PORT_IN_USE'));
    await relay.route(WEB, to(FIVE));
    fake.answers.clear();
    await eventually(() => expect(fake.portals.get(WEB)?.lines).toEqual(['endpoint 10.0.0.5:8080']));
  });

  it('is opened again where another peer closed it', async () => {
    const fake = await FakeRelay.start();
    const { relay } = await start(fake);
    await relay.open(request());
    fake.portals.clear();
    await relay.route(WEB, to(FIVE));
    await eventually(() => expect(fake.portals.get(WEB)?.lines).toEqual(['endpoint 10.0.0.5:8080']));
  });
});

describe('a portal that the native relay does not open', () => {
  it.each([
    ['PORT_IN_USE 127.0.0.1:80', 'PORTAL_PORT_IN_USE', `${WEB}: 127.0.0.1:80/TCP is in use`],
    ['FILES_EXHAUSTED 256', 'PORTAL_OPEN_FAILED', `${WEB}: all 256 files that the relay may open are in use`],
    ['OPEN_FAILED EACCES', 'PORTAL_OPEN_FAILED', `${WEB}: no portal on 127.0.0.1:80/TCP: EACCES`],
  ])('for %s says %s', async (refusal, code, message) => {
    const fake = await FakeRelay.start();
    const { relay } = await start(fake);
    fake.answers.set('portal ', `error ${refusal}`);
    await expect(relay.open(request(WEB, 80))).rejects.toMatchObject({ code, message });
    expect(relay.portals().size).toBe(0);
    fake.answers.clear();
    await relay.open(request(WEB, 80));
  });

  it('because it is away for five seconds, fails', async () => {
    const fake = await FakeRelay.start();
    const { relay } = await start(fake);
    await fake.stop();
    await eventually(() => expect(relay.pid).toBeUndefined());
    await expect(within('open gives up', relay.open(request()), 8_000)).rejects.toMatchObject({
      code: 'PORTAL_OPEN_FAILED',
      message: `${WEB}: no portal on 127.0.0.1:0/TCP: the relay is away`,
    });
  });
});

describe('the counters of a native relay', () => {
  const line = (active: number) =>
    `portal ${WEB} active=${active} total=9 in=0 out=0 dial-failures=0 no-endpoints=0 refused-for-files=0 udp-sessions=0 udp-total=0 udp-evicted=0 dropped=0`;

  it('have the endpoints of the routing and those in use, also while the relay is away', async () => {
    const fake = await FakeRelay.start();
    const { relay } = await start(fake);
    await relay.open(request());
    fake.carried.set(WEB, [line(1), 'endpoint 10.0.0.9:80 1 4', 'endpoint 10.0.0.8:80 0 5']);
    const read = async () => (await relay.counters()).get(WEB);
    const expected = {
      activeConnections: 1,
      totalConnections: 9,
      endpoints: new Map([
        [FOUR.key, { connections: 0, totalConnections: 0 }],
        ['10.0.0.9:80', { connections: 1, totalConnections: 4 }],
      ]),
    };
    expect(await read()).toMatchObject(expected);
    await fake.stop();
    expect(await read()).toMatchObject(expected);
  });
});

describe('a relay that says what no relay says', () => {
  it.each([
    ['a line without a tag', 'nonsense'],
    ['an event that there is not', '* nonsense'],
    ['an answer to nothing', '99999 ok'],
    ['an error of a line it did not understand', '0 error SYNTAX it'],
    ['a line without an end', 'x'.repeat(5_000)],
    ['a byte that no line has', '1 \u00ff'],
  ])('such as %s is connected to anew', async (_, line) => {
    const fake = await FakeRelay.start();
    const { relay, logger } = await start(fake);
    await relay.open(request());
    fake.say(line);
    await eventually(() => expect(logger.messages('info')).toEqual(['the relay is back']));
    expect(logger.lines.find(({ level }) => level === 'error')?.fields).toMatchObject({
      code: 'RELAY_MALFORMED',
    });
    expect(fake.portals.size).toBe(1);
  });

  it('nothing, when asked, is connected to anew', async () => {
    const fake = await FakeRelay.start();
    const { relay, logger } = await start(fake, 50);
    await relay.open(request());
    fake.answers.set('route', '');
    const routed = relay.route(WEB, to(FIVE));
    await eventually(() => expect(logger.messages('error')).toHaveLength(1));
    await within('told by way of portal', routed);
    expect(fake.portals.get(WEB)?.lines).toEqual(['endpoint 10.0.0.5:8080']);
  });

  it('an answer that this process was too busy to read is not one that was not given', async () => {
    const fake = await FakeRelay.start();
    const { relay, logger } = await start(fake, 20);
    await relay.open(request());
    const routed = relay.route(WEB, to(FIVE));
    await new Promise(setImmediate);
    const until = performance.now() + 200;
    while (performance.now() < until);
    await routed;
    expect(logger.messages('error')).toEqual([]);
  });

  it('passes events on, also those that the relay lost', async () => {
    const fake = await FakeRelay.start();
    const { observer, logger } = await start(fake);
    fake.say('* failure default/web tcp 127.0.0.1:5 - no-endpoints - final');
    fake.say('* files-exhausted 256');
    fake.say('* files-available');
    fake.say('* udp-sessions-exhausted 9');
    fake.say('* connections-exhausted default/web 3');
    fake.say('* connections-exhausted - 4');
    // Of a peer that is not kube-splice.
    fake.say('* connections-exhausted another 5');
    fake.say('* lost 7');
    await eventually(() =>
      expect(logger.messages('warn')).toEqual(['more failed than the relay could tell']),
    );
    expect(observer.failures).toHaveLength(1);
    expect(observer.filesExhaustedAt).toEqual([256]);
    expect(observer.filesAvailableAgain).toBe(1);
    expect(observer.udpSessionsExhaustedAt).toEqual([9]);
    expect(observer.connectionsExhaustedAt).toEqual([
      ['default/web', 3],
      [null, 4],
    ]);
  });

  it('is left as it is by a shutdown of this process, whose calls end', async () => {
    const fake = await FakeRelay.start();
    const { relay } = await start(fake);
    await relay.open(request());
    await fake.stop();
    await eventually(() => expect(relay.pid).toBeUndefined());
    const routed = relay.route(WEB, to(FIVE));
    await relay.shutdown(0);
    await within('route ends', routed);
    expect(fake.portals.size).toBe(1);
    expect(fake.verbs()).not.toContain('shutdown');
    await expect(relay.open(request('a/b'))).rejects.toMatchObject({
      message: 'a/b: the relay is shutting down',
    });
  });
});
