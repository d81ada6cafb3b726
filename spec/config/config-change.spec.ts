import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configChange, SETTINGS_THAT_CHANGE } from '../../src/config/config-change.js';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';

describe('another configuration', () => {
  it('that says the same changes nothing', () => {
    expect(configChange(DEFAULT_CONFIG, structuredClone(DEFAULT_CONFIG))).toEqual({
      config: DEFAULT_CONFIG,
      atOnce: [],
      atNextStart: [],
    });
  });

  it('is taken up in what may change at once, and left for the next start in the rest', () => {
    const asked = {
      ...DEFAULT_CONFIG,
      maxConnections: 7,
      nodePortAddresses: ['192.0.2.0/24'],
      bindAddress: '192.0.2.1',
      manifests: ['other.yaml'],
      log: { ...DEFAULT_CONFIG.log, level: 4, format: 'json' as const },
    };
    const { config, atOnce, atNextStart } = configChange(DEFAULT_CONFIG, asked);
    expect(atOnce.toSorted()).toEqual(['max-connections', 'nodeport-addresses', 'v']);
    expect(atNextStart.toSorted()).toEqual(['bind-address', 'log-format', 'manifests']);
    expect(config).toEqual({
      ...DEFAULT_CONFIG,
      maxConnections: 7,
      nodePortAddresses: ['192.0.2.0/24'],
      log: { ...DEFAULT_CONFIG.log, level: 4 },
    });
    // What is left for the next start is told as long as it is so.
    expect(configChange(config, asked)).toMatchObject({ config, atOnce: [], atNextStart });
  });

  it('has its effect when docs/configuration.md says', () => {
    const documented = readFileSync('docs/configuration.md', 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, flags = '', takesEffect = ''] =
          /^\| (`-.*`) \| (at once|at the next start) /.exec(line) ?? [];
        return [...flags.matchAll(/`--?([\w-]+)`/g)].map(([, flag]) => `${flag} ${takesEffect}`);
      });
    expect(documented.toSorted()).toEqual(
      SETTINGS_THAT_CHANGE.map(({ flag, takesEffect }) => `${flag} ${takesEffect}`).toSorted(),
    );
  });
});
