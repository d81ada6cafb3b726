import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import type { ProxyConfig } from '../../src/config/proxy-config.js';
import { chooseRelay, maxUdpSessions, type RelayPlace } from '../../src/relay/choose-relay.js';
import { relayPrograms } from '../../src/relay/native/relay-program.js';
import { FakeRelay } from '../support/fake-relay.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { RecordingObserver } from '../support/recording-observer.js';

const HERE = {
  path: join(import.meta.dirname, '..', 'support', 'fake-relay-program.mjs'),
  shown: 'native/build/kube-splice-relay',
};
const NOT_HERE = { path: '/nonexistent/kube-splice-relay', shown: 'native/build/kube-splice-relay' };
const NO_RELAY = { path: '/bin/false', shown: 'native/build/kube-splice-relay' };

async function choose(config: Partial<ProxyConfig>, place: Partial<RelayPlace> = {}) {
  const chosen = await chooseRelay(
    { ...DEFAULT_CONFIG, ...config },
    {
      openFileLimit: 1_000,
      observer: new RecordingObserver(),
      logger: new RecordingLogger(),
      platform: 'linux',
      programs: [],
      socketPatienceMs: 100,
      ...place,
    },
  );
  onTestFinished(() => chosen.engine.shutdown(0));
  return chosen;
}

describe('the choice of a relay', () => {
  it.each(['auto', 'native'] as const)(
    'by %s is the native one where it runs, and says so',
    async (relay) => {
      const { engine, reason } = await choose({ relay, relayThreads: 2 }, { programs: [NOT_HERE, HERE] });
      expect(engine.kind).toBe('native');
      const asked = relay === 'auto' ? 'auto' : '--relay=native';
      const uid = process.getuid?.();
      expect(reason).toBe(
        `${asked}: native/build/kube-splice-relay runs here (2 threads, uid ${uid}, seccomp off)`,
      );
    },
  );

  it.each<[string, Partial<RelayPlace>, string]>([
    [
      'it is not built',
      { programs: [NOT_HERE] },
      'not built: run `npm run build:native` with make and a C++17 compiler',
    ],
    ['it does not start', { programs: [NO_RELAY] }, 'native/build/kube-splice-relay does not run here: '],
    ['this is no Linux', { platform: 'darwin', programs: [HERE] }, 'it is for Linux, and this is darwin'],
  ])('is the portable one, or none, where %s', async (_, place, why) => {
    const { engine, reason } = await choose({ relay: 'auto' }, place);
    expect(engine.kind).toBe('portable');
    expect(reason).toContain(`auto: no native relay: ${why}`);
    await expect(choose({ relay: 'native' }, place)).rejects.toMatchObject({
      code: 'RELAY_UNAVAILABLE',
      message: expect.stringContaining(`no native relay: ${why}`),
    });
  });

  it('is the portable one where that is asked for, whatever runs here', async () => {
    const chosen = await choose({ relay: 'portable', relaySocket: '/nonexistent' }, { programs: [HERE] });
    expect(chosen).toMatchObject({ engine: { kind: 'portable' }, reason: '--relay=portable' });
  });

  it('is the one that listens on a socket where that is named, or none', async () => {
    const fake = await FakeRelay.start();
    const { engine, reason } = await choose({ relaySocket: fake.path }, { programs: [HERE] });
    expect(engine.kind).toBe('native');
    expect(reason).toBe(`--relay-socket: ${fake.path} answers (2 threads, uid 65534, seccomp on)`);
    await expect(choose({ relaySocket: '/nonexistent/relay.sock' })).rejects.toMatchObject({
      code: 'RELAY_UNREACHABLE',
      message: expect.stringContaining('no relay answers at /nonexistent/relay.sock: '),
    });
  });

  it('sizes the session table by the files that the relay may open, unless it is told', async () => {
    const fake = await FakeRelay.start();
    await choose({ relaySocket: fake.path });
    expect(fake.asked).toContain('configure udp-idle-ms=250 udp-sessions=500');
    expect(maxUdpSessions(DEFAULT_CONFIG, 1_000_000)).toBe(16_384);
    expect(maxUdpSessions(DEFAULT_CONFIG, 1)).toBe(1);
    expect(maxUdpSessions({ ...DEFAULT_CONFIG, udpMaxSessions: 50_000 }, 16)).toBe(50_000);
  });

  it('looks for what was built here first, then for what the package brought along', () => {
    expect(relayPrograms('arm64', '/package').map(({ path }) => path)).toEqual([
      '/package/native/build/kube-splice-relay',
      '/package/native/prebuilt/linux-arm64/kube-splice-relay',
    ]);
    const root = join(import.meta.dirname, '..', '..');
    expect(relayPrograms()[0]?.path).toBe(join(root, 'native', 'build', 'kube-splice-relay'));
  });

  it.each([0, 64, Number.POSITIVE_INFINITY])('works with an open-file limit of %s', async (openFileLimit) => {
    const { engine } = await choose({ relay: 'auto' }, { openFileLimit });
    const routing = { endpoints: [], sessionAffinity: { type: 'None' } } as const;
    const request = { name: 'default/web', protocol: 'TCP', address: '127.0.0.1', port: 0, routing } as const;
    expect((await engine.open(request)).port).toBeGreaterThan(0);
  });
});
