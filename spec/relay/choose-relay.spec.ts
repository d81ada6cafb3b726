import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';
import type { ProxyConfig } from '../../src/config/proxy-config.js';
import { chooseRelay } from '../../src/relay/choose-relay.js';
import { RecordingObserver } from '../support/recording-observer.js';

function choose(relay: ProxyConfig['relay'], openFileLimit = 1_000) {
  const chosen = chooseRelay({ ...DEFAULT_CONFIG, relay }, openFileLimit, new RecordingObserver());
  onTestFinished(() => chosen.engine.shutdown(0));
  return chosen;
}

describe('the choice of a relay', () => {
  it('is the portable one, and says why', () => {
    expect(choose('portable')).toMatchObject({ engine: { kind: 'portable' }, reason: '--relay=portable' });
    expect(choose('auto').reason).toContain('no native relay');
    expect(choose('native').reason).toContain('no native relay');
  });

  it.each([0, 64, Number.POSITIVE_INFINITY])('works with an open-file limit of %s', async (limit) => {
    const { engine } = choose('auto', limit);
    const routing = { endpoints: [], sessionAffinity: { type: 'None' } } as const;
    const request = { name: 'default/web', protocol: 'TCP', address: '127.0.0.1', port: 0, routing } as const;
    expect((await engine.open(request)).port).toBeGreaterThan(0);
  });
});
