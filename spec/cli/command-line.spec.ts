import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CommandLine, parseCommandLine } from '../../src/cli/command-line.js';
import { FLAGS } from '../../src/cli/flags.js';
import { helpText } from '../../src/cli/help-text.js';
import { DEFAULT_CONFIG, DEMO_DEFAULT_CONFIG } from '../../src/config/defaults.js';
import { KubeSpliceError } from '../../src/model/errors.js';

function parse(...argv: string[]): CommandLine {
  return parseCommandLine(argv);
}

function errorOf(...argv: string[]): string {
  try {
    parseCommandLine(argv);
  } catch (error) {
    if (error instanceof KubeSpliceError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('kube-splice', () => {
  it('runs the proxy on what --manifests name', () => {
    expect(parse('--manifests', 'a.yaml', '--manifests=b')).toEqual({
      command: 'run',
      configFile: null,
      config: { ...DEFAULT_CONFIG, manifests: ['a.yaml', 'b'] },
      warnings: [],
    });
  });

  it('runs as each flag says, the last one of several', () => {
    expect(
      parse('--manifests=a', '--udp-timeout=1s', '--udp_timeout', '2s', '-v6', '--log-format=json'),
    ).toMatchObject({
      config: { udpIdleTimeoutMs: 2_000, log: { level: 6, format: 'json' } },
      warnings: [],
    });
  });

  it('needs to be told where the Services come from', () => {
    expect(errorOf()).toBe(
      'SOURCE_MISSING: no Services to proxy: --kubeconfig, --master and --manifests are missing, and this is no pod',
    );
    expect(errorOf('--kubeconfig=', '-v2')).toMatch(/^SOURCE_MISSING: /);
  });

  describe('with --config', () => {
    const files: Record<string, string> = {
      '/etc/k.yaml': 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n',
    };
    const withFile = (text: string, ...argv: string[]) =>
      parseCommandLine(['--config=/etc/k.yaml', ...argv], {}, (path) => `${files[path]}${text}`);

    it('runs as the file says, and as a flag says where there is one', () => {
      const text = 'udpIdleTimeout: 2s\nclientConnection: { kubeconfig: /k }\nportRange: 30000-30010\n';
      expect(withFile(text, '--udp-timeout=3s', '--master=https://m')).toMatchObject({
        command: 'run',
        config: {
          udpIdleTimeoutMs: 3_000,
          apiServer: { kubeconfig: '/k', master: 'https://m' },
          proxyPortRange: { first: 30_000, last: 30_010 },
        },
        warnings: [],
      });
    });

    it('refuses a value of the file in the words of the flag, with its place', () => {
      expect(() => withFile('portRange: 7-5\n')).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: '/etc/k.yaml:3: portRange: "7-5" ends before it begins',
        }) as Error,
      );
      expect(() => withFile('mode: ipvs\n')).toThrow('/etc/k.yaml:3: mode: "ipvs" is a mode of kube-proxy');
      expect(() => withFile('nodePortAddresses: [x]\n')).toThrow('/etc/k.yaml:3: nodePortAddresses: ');
    });

    it('does not look at a value of the file where a flag says another', () => {
      expect(
        withFile('portRange: 7-5\nclientConnection: { kubeconfig: /k }\n', '--proxy-port-range=0'),
      ).toMatchObject({
        config: { proxyPortRange: null },
      });
    });

    it('warns of what has no effect, with its place', () => {
      const line = withFile(
        'clientConnection: { kubeconfig: /k, qps: 5 }\noomScoreAdj: -999\nmode: iptables\n',
      );
      expect('warnings' in line && line.warnings).toEqual([
        expect.stringMatching(/^\/etc\/k\.yaml:3: clientConnection\.qps has no effect here: /),
        expect.stringMatching(/^\/etc\/k\.yaml:4: oomScoreAdj has no effect here: /),
        '/etc/k.yaml:5: mode=iptables is not built yet: userspace runs instead',
      ]);
    });

    it('needs to be told where Services come from, there or elsewhere', () => {
      expect(() => withFile('')).toThrow(expect.objectContaining({ code: 'SOURCE_MISSING' }) as Error);
      expect(withFile('', '--manifests=d')).toMatchObject({ config: { manifests: ['d'] } });
    });

    it('says why the file can not be read', () => {
      const failing = () => {
        throw new Error('ENOENT: no such file');
      };
      expect(() => parseCommandLine(['--config=/nowhere'], {}, failing)).toThrow(
        expect.objectContaining({
          code: 'CONFIG_UNREADABLE',
          message: '--config: "/nowhere" can\'t be read: ENOENT: no such file',
        }) as Error,
      );
    });

    it('is as without where it is empty', () => {
      expect(parse('--config=', '--manifests=d')).toMatchObject({ command: 'run', warnings: [] });
    });

    it('is written with --write-config-to, whatever is missing, with what the flags say', () => {
      const line = withFile('udpIdleTimeout: 2s\n', '--write-config-to=/tmp/k', '--max-connections=7');
      expect(line).toMatchObject({ command: 'write-config', path: '/tmp/k', warnings: [] });
      const text = 'text' in line ? line.text : '';
      expect(text).toContain('udpIdleTimeout: 2s\n');
      expect(text).toContain('maxConnections: 7\n');
    });
  });

  it.each([
    [['--kubeconfig=/k'], { kubeconfig: '/k', master: null }],
    [['--master=https://m:6443'], { kubeconfig: null, master: 'https://m:6443' }],
    [['--kubeconfig=/k', '--master=m'], { kubeconfig: '/k', master: 'm' }],
    [['--kubeconfig=/k', '--manifests=d', '--master='], { kubeconfig: '/k', master: null }],
    [['--manifests=d'], null],
  ])('%j asks the API server so: %j', (argv, apiServer) => {
    expect(parse(...argv)).toMatchObject({ command: 'run', config: { apiServer }, warnings: [] });
  });

  it('in a pod asks the API server as its service account, unless a source is named', () => {
    const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1' };
    const inPod = { kubeconfig: null, master: null };
    expect(parseCommandLine([], pod)).toMatchObject({ config: { apiServer: inPod }, warnings: [] });
    expect(parseCommandLine(['--manifests=d'], pod)).toMatchObject({ config: { apiServer: null } });
    expect(parseCommandLine(['--kubeconfig=/k'], pod)).toMatchObject({
      config: { apiServer: { kubeconfig: '/k', master: null } },
    });
  });

  it('takes the name of the node as kube-proxy does: trimmed, in lower case', () => {
    const nodeNameOf = (text: string) => parse('--manifests=d', `--hostname-override=${text}`);
    expect(nodeNameOf(' Node-1 ')).toMatchObject({ config: { nodeName: 'node-1' } });
    expect(nodeNameOf('')).toMatchObject({ config: { nodeName: null } });
    expect(errorOf('--hostname-override=  ')).toBe(
      'FLAG_INVALID: --hostname-override: "  " is no name of a node',
    );
  });

  it('takes the directory of the last known state', () => {
    expect(parse('--kubeconfig=/k', '--state-dir=/var/lib/kube-splice')).toMatchObject({
      config: { stateDirectory: '/var/lib/kube-splice' },
      warnings: [],
    });
    expect(parse('--kubeconfig=/k', '--state-dir=')).toMatchObject({ config: { stateDirectory: null } });
  });

  it.each([
    [['--cleanup-iptables']],
    [['--cleanup']],
    [['--cleanup=true', '--manifests=a']],
    [['--cleanup', '--kubeconfig=/k', '--steering=none']],
  ])('%j removes the packet rules and proxies nothing', (argv) => {
    expect(parse(...argv)).toEqual({ command: 'cleanup', warnings: [] });
  });

  it('tells of flags without effect also where it only removes the packet rules', () => {
    expect(parse('--cleanup', '--conntrack-min=1')).toMatchObject({
      command: 'cleanup',
      warnings: [expect.stringMatching(/^--conntrack-min has no effect here: /)],
    });
  });

  it.each(['auto', 'iptables', 'nftables', 'none'])('steers with %s without a word', (steering) => {
    expect(parse('--manifests=a', `--steering=${steering}`)).toMatchObject({
      command: 'run',
      config: { steering },
      warnings: [],
    });
  });

  it('takes what steering needs to know of the node and of the cluster', () => {
    const own = ['--nodeport-addresses=192.0.2.0/24', '--nodeport_addresses', 'fd00::/64'];
    expect(parse('--manifests=a', '--cluster-cidr=10.244.0.0/16', '--cleanup-on-exit', ...own)).toMatchObject(
      {
        config: {
          nodePortAddresses: ['192.0.2.0/24', 'fd00::/64'],
          clusterCIDRs: ['10.244.0.0/16'],
          cleanupOnExit: true,
        },
        warnings: [],
      },
    );
  });

  it('runs with --cleanup=false', () => {
    expect(parse('--cleanup=false', '--cleanup-iptables=0', '--manifests=a').command).toBe('run');
  });

  it.each([
    [['--udp-timeout=abc'], '--udp-timeout: "abc" is not a duration; give one such as 250ms or 1m30s'],
    [['--udp-timeout', '-5s'], '--udp-timeout: "-5s" must not be negative'],
    [['--cleanup=maybe'], '--cleanup: "maybe" is neither true nor false'],
    [['--iptables-masquerade-bit=32'], '--iptables-masquerade-bit: "32" is not a whole number from 0 to 31'],
    [['--cleanup-on-exit=maybe'], '--cleanup-on-exit: "maybe" is neither true nor false'],
    [
      ['demo', '--cluster-cidr=10.0.0.0/8'],
      '--cluster-cidr: is not a flag of kube-splice demo, but of kube-splice',
    ],
    [['--help=perhaps'], '--help: "perhaps" is neither true nor false'],
    [['--once'], '--once: is not a flag of kube-splice, but of kube-splice demo'],
    [
      ['-o', 'json'],
      '--output: is not a flag of kube-splice, but of kube-splice status and kube-splice explain and kube-splice diff',
    ],
    [
      ['demo', '--manifests=a'],
      '--manifests: is not a flag of kube-splice demo, but of kube-splice and kube-splice diff',
    ],
    [
      ['demo', '--ipvs-scheduler=rr'],
      '--ipvs-scheduler: is not a flag of kube-splice demo, but of kube-splice',
    ],
    [['--watch'], '--watch: is not a flag of kube-splice, but of kube-splice status'],
    [['status', '--interval=99ms'], '--interval: "99ms" is too short; give 100ms at least'],
    [['status', '--interval=0'], '--interval: "0" must be more than 0'],
    [['status', '-w', '-o', 'json'], '--watch: is for people; without it, --output=json prints one report'],
    [
      ['explain', 'a/b', '--client=10.1.2.3:80'],
      '--client: "10.1.2.3:80" is not an IP address; give the one that the client connects from, without a port',
    ],
    [
      ['status', '--client=10.1.2.3'],
      '--client: is not a flag of kube-splice status, but of kube-splice explain',
    ],
    [
      ['diff', '--manifests=a', '--steering=none'],
      '--steering: is not a flag of kube-splice diff, but of kube-splice and kube-splice demo',
    ],
    [
      ['diff', '--manifests=a', '--masquerade-all'],
      '--masquerade-all: is not a flag of kube-splice diff, but of kube-splice',
    ],
    [['--iptables-save=a'], '--iptables-save: is not a flag of kube-splice, but of kube-splice diff'],
    [['explain'], 'explain: which Service? Give NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT'],
    [['status', '--once'], '--once: is not a flag of kube-splice status, but of kube-splice demo'],
    [
      ['status', '--udp-timeout=1s'],
      '--udp-timeout: is not a flag of kube-splice status, but of kube-splice and kube-splice demo',
    ],
  ])('refuses %j', (argv, message) => {
    expect(errorOf(...argv)).toBe(`FLAG_INVALID: ${message}`);
  });

  it.each([
    [['--manifest=a'], 'unknown flag --manifest; did you mean --manifests?'],
    [['--ipvs-schedular=rr'], 'unknown flag --ipvs-schedular; did you mean --ipvs-scheduler?'],
    [['stauts'], 'unknown command "stauts"; did you mean status?'],
    [['dmeo', '--once'], 'unknown command "dmeo"; did you mean demo?'],
    [
      ['--manifests', 'a.yaml', 'b.yaml'],
      'unexpected "b.yaml": the commands are demo, status, explain, diff, and each file or directory has a --manifests of its own',
    ],
    [['demo', 'once'], 'unexpected "once" after demo: it takes flags only'],
    [['explain', 'a/b', 'c/d'], 'unexpected "c/d" after explain: it takes one Service'],
    [['diff', 'rules'], 'unexpected "rules" after diff: it takes flags only'],
    [['exlpain', 'a/b'], 'unknown command "exlpain"; did you mean explain?'],
    [
      ['--', '--help'],
      'unexpected "--help": the commands are demo, status, explain, diff, and each file or directory has a --manifests of its own',
    ],
  ])('does not know %j', (argv, message) => {
    expect(errorOf(...argv)).toBe(`FLAG_UNKNOWN: ${message}`);
  });

  it('says what to do about it', () => {
    expect(() => parse('--nonsense')).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('kube-splice --help') }),
    );
  });
});

describe('kube-splice status --watch', () => {
  it('looks every two seconds, or as often as it is told to', () => {
    const address = { address: '127.0.0.1', port: 10_249 };
    expect(parse('status', '--watch')).toEqual({ command: 'watch', address, intervalMs: 2_000 });
    expect(parse('status', '-w', '--interval=500ms')).toMatchObject({ command: 'watch', intervalMs: 500 });
    expect(parse('status', '--watch=false', '--interval=1s').command).toBe('status');
  });
});

describe('kube-splice diff', () => {
  const diffOf = (argv: readonly string[], file = '') => {
    const commandLine = parseCommandLine(['diff', ...argv], {}, () => file);
    if (commandLine.command !== 'diff') throw new Error('this is another command');
    return commandLine;
  };

  it('compares what the sources have with the rules of this host, or with those of files', () => {
    expect(diffOf(['--manifests=a', '--nodeport-addresses=192.0.2.0/24'])).toMatchObject({
      config: { manifests: ['a'], nodePortAddresses: ['192.0.2.0/24'] },
      ruleFiles: [],
      output: 'table',
      warnings: [],
    });
    const argv = ['--kubeconfig=k', '--iptables-save=four', '--iptables-save', '-', '-o', 'json'];
    expect(diffOf(argv)).toMatchObject({ ruleFiles: ['four', '-'], output: 'json' });
  });

  it("takes kube-proxy's file, and is quiet about what of it means something to a proxy alone", () => {
    const file = [
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1',
      'kind: KubeProxyConfiguration',
      'clientConnection: { kubeconfig: /etc/kubeconfig }',
      'iptables: { masqueradeAll: true }',
      'nodePortAddresses: [192.0.2.0/24]',
      'oomScoreAdj: -999',
    ].join('\n');
    expect(diffOf(['--config=f'], file)).toMatchObject({
      config: { apiServer: { kubeconfig: '/etc/kubeconfig' }, nodePortAddresses: ['192.0.2.0/24'] },
      warnings: [],
    });
  });

  it('needs to be told where the Services come from', () => {
    expect(errorOf('diff')).toContain('SOURCE_MISSING: no Services to proxy');
  });
});

describe('kube-splice demo', () => {
  it('opens ports for this machine only, unless told otherwise', () => {
    expect(parse('demo')).toEqual({
      command: 'demo',
      once: false,
      config: DEMO_DEFAULT_CONFIG,
      warnings: [],
    });
    expect(parse('demo', '--bind-address=0.0.0.0')).toMatchObject({ config: { bindAddress: '0.0.0.0' } });
  });

  it('leaves the packet rules of this machine alone, unless told otherwise', () => {
    expect(parse('demo')).toMatchObject({ config: { steering: 'none' } });
    expect(parse('demo', '--steering=auto')).toMatchObject({ config: { steering: 'auto' }, warnings: [] });
  });

  it('takes the flags of portals, steering, status and logs', () => {
    expect(
      parse(
        '--healthz-port=0',
        'demo',
        '--once',
        '--proxy-port-range=30000-30009',
        '-v',
        '4',
        '--relay=native',
      ),
    ).toEqual({
      command: 'demo',
      once: true,
      config: {
        ...DEMO_DEFAULT_CONFIG,
        statusAddress: null,
        proxyPortRange: { first: 30_000, last: 30_009 },
        relay: 'native',
        log: { ...DEFAULT_CONFIG.log, level: 4 },
      },
      warnings: [],
    });
  });
});

describe('kube-splice status', () => {
  it('asks where the proxy serves its status by default, for a table', () => {
    expect(parse('status')).toEqual({
      command: 'status',
      address: { address: '127.0.0.1', port: 10_249 },
      output: 'table',
    });
  });

  it.each([['-o', 'json'], ['-ojson'], ['-o=json'], ['--output=json'], ['--output', 'json']])(
    'prints JSON with %s %s',
    (...argv) => {
      expect(parse('status', ...argv.filter((argument) => argument !== undefined))).toMatchObject({
        output: 'json',
      });
    },
  );

  it('asks where the flags of the proxy say', () => {
    expect(parse('status', '--healthz-bind-address=[::1]:1234')).toMatchObject({
      address: { address: '::1', port: 1_234 },
    });
  });

  it.each([
    [['-o', 'jsn'], '--output: "jsn" is not one of table, json; did you mean json?'],
    [
      ['--healthz-port=0'],
      '--healthz-port: "0" turns status off; say where the running kube-splice serves it',
    ],
    [
      ['--healthz-bind-address='],
      '--healthz-bind-address: "" turns status off; say where the running kube-splice serves it',
    ],
    [
      ['--healthz-bind-address=1.2.3.4:0'],
      '--healthz-bind-address: "1.2.3.4:0" turns status off; say where the running kube-splice serves it',
    ],
  ])('refuses %j', (argv, message) => {
    expect(errorOf('status', ...argv)).toBe(`FLAG_INVALID: ${message}`);
  });
});

describe('--help and --version', () => {
  it('go before everything that is wrong with the values of other flags', () => {
    expect(parse('--udp-timeout=abc', '-h').command).toBe('help');
    expect(parse('--version', '--udp-timeout=abc').command).toBe('version');
    expect(parse('--help=false', '--version=false', '--manifests=a').command).toBe('run');
  });

  it('print the version of the package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(parse('--version')).toEqual({ command: 'version', text: `kube-splice ${version}\n` });
  });

  it.each(['run', 'demo', 'status'] as const)('show the flags of %s, and those only', (command) => {
    const line = command === 'run' ? parse('--help') : parse(command, '--help');
    expect(line).toEqual({ command: 'help', of: command });
    const text = helpText(command);
    for (const { name, commands } of FLAGS) {
      const takes: readonly string[] = commands;
      expect([name, new RegExp(`^ +(-\\w, )?--?${name}\\s`, 'm').test(text)]).toEqual([
        name,
        takes.includes(command),
      ]);
    }
  });
});
