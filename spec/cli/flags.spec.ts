import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { dashed, type Flag } from '../../src/cli/flag.js';
import { FLAGS } from '../../src/cli/flags.js';
import { IGNORED_FLAGS } from '../../src/cli/flags-of-kube-proxy.js';
import { DEFAULT_CONFIG } from '../../src/config/defaults.js';

const ALL: readonly Flag[] = FLAGS;
const DOCUMENT = 'docs/flags.md';

/** The first cells of the rows of its tables that begin with a flag. */
function documented(): readonly (readonly string[])[] {
  return readFileSync(DOCUMENT, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `-'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

describe('the flags', () => {
  it.each([
    ['alsologtostderr', 'false'],
    ['bind-address', '0.0.0.0'],
    ['cleanup-iptables', 'false'],
    ['healthz-bind-address', '127.0.0.1'],
    ['healthz-port', '10249'],
    ['iptables-masquerade-bit', '14'],
    ['iptables-sync-period', '30s'],
    ['kubeconfig', ''],
    ['log-dir', ''],
    ['masquerade-all', 'false'],
    ['master', ''],
    ['proxy-mode', 'userspace'],
    ['proxy-port-range', '0-0'],
    ['udp-timeout', '250ms'],
    ['udp-reply-timeout', '5s'],
    ['v', '0'],
    ['half-closed-timeout', '1h'],
    ['hostname-override', ''],
    ['manifests', ''],
    ['steering', 'auto'],
    ['nodeport-addresses', ''],
    ['cluster-cidr', ''],
    ['shutdown-delay', '0s'],
    ['drain-timeout', '5s'],
    ['cleanup', 'false'],
    ['cleanup-on-exit', 'false'],
    ['relay', 'auto'],
    ['log-format', 'text'],
  ])('--%s has the default %j', (name, preset) => {
    expect(ALL.find((flag) => flag.name === name)?.default).toBe(preset);
  });

  it('have defaults that, given as flags, change nothing', () => {
    const argv = ALL.filter((flag) => flag.commands.includes('run') && flag.default !== '').map(
      (flag) => `--${flag.name}=${flag.default}`,
    );
    expect(parseCommandLine([...argv, '--manifests=a'])).toEqual({
      command: 'run',
      configFile: null,
      config: { ...DEFAULT_CONFIG, manifests: ['a'] },
      warnings: [
        '--iptables-masquerade-bit has no effect: the relay connects from this node, so every endpoint answers it',
      ],
    });
  });

  it('have names and letters that no other flag has', () => {
    const names = [...ALL, ...IGNORED_FLAGS].map(({ name }) => name);
    const letters = ALL.flatMap(({ letter }) => letter ?? []);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(letters).size).toBe(letters.length);
  });

  it(`are those of ${DOCUMENT}, in the same order, with the same defaults and descriptions`, () => {
    const rows = ALL.map((flag) => [code(dashed(flag.name)), code(flag.default), flag.description]);
    const ignored = IGNORED_FLAGS.map((flag) => [code(dashed(flag.name)), flag.because]);
    expect(documented()).toEqual([...rows, ...ignored]);
  });
});
