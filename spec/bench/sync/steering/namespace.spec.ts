import { describe, expect, it } from 'vitest';
import { bareProgram } from '../../../../bench/sync/steering/bare-program.js';
import {
  IN_NEW_NAMESPACES,
  NODE_ADDRESS,
  whyNoFilter,
  whyNoNamespaces,
} from '../../../../bench/sync/steering/namespace.js';
import { PACKET_FILTERS, programsOf } from '../../../../bench/sync/steering/packet-filter.js';
import type { Command, CommandRunner } from '../../../../src/host/command-runner.js';
import { programSearch } from '../../../../src/host/program-search.js';
import { SpawnedCommands } from '../../../../src/host/spawned-commands.js';

const runner = new SpawnedCommands();
const find = programSearch(process.env.PATH);
const whyNot = await whyNoNamespaces(runner, process.getuid?.());

const LINES = {
  iptables: `*nat
:KUBE-PORTALS-CONTAINER - [0:0]
-A KUBE-PORTALS-CONTAINER -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40001
-A KUBE-PORTALS-CONTAINER -d 10.96.0.2/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40002
COMMIT
`,
  nftables: `table inet kube-splice {
	map services {
		type inet_proto . ipv4_addr . inet_service : inet_service
		elements = { tcp . 10.96.0.1 . 80 : 40001, tcp . 10.96.0.2 . 80 comment "team-00/b" : 40002 }
	}
}
`,
};

async function refusing(exitCode: number, stderr: string): Promise<string | null> {
  const refuses: CommandRunner = { run: () => Promise.resolve({ exitCode, stdout: '', stderr }) };
  return whyNoNamespaces(refuses, 0);
}

/** Runs these in one new namespace, one after another, and resolves with what all of them printed. */
async function inOneNamespace(commands: readonly Command[]): Promise<string> {
  const lines = commands.map(({ program, args, input = '' }) => {
    const piped = `printf %s ${quoted(input)} |`;
    return `${piped} ${[program, ...args].map(quoted).join(' ')}`;
  });
  const [program = '', ...args] = [...IN_NEW_NAMESPACES, '/bin/sh', '-ec', lines.join('\n')];
  const { exitCode, stdout, stderr } = await runner.run({ program, args });
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

describe('whyNoNamespaces', () => {
  it('asks for root first, then passes on the words of who refuses', async () => {
    expect(await whyNoNamespaces(runner, 1_000)).toContain('need root');
    expect(await whyNoNamespaces(runner, undefined)).toContain('need root');
    expect(await refusing(1, 'unshare: unshare failed: Operation not permitted\n')).toBe(
      "a network namespace can't be made: unshare: unshare failed: Operation not permitted",
    );
    expect(await refusing(0, '')).toBeNull();
  });

  it('says that there is no unshare where there is none', async () => {
    const nowhere = new SpawnedCommands({ PATH: '/nonexistent' });
    expect(await whyNoNamespaces(nowhere, 0)).toContain('there is no program "unshare"');
  });
});

describe('whyNoFilter', () => {
  it('names the programs that are missing', () => {
    const withoutSave = (name: string) => (name.endsWith('-save') ? null : `/sbin/${name}`);
    expect(whyNoFilter('iptables-nft', withoutSave)).toBe(
      'iptables-nft has no iptables-nft-save, ip6tables-nft-save here',
    );
    expect(whyNoFilter('nftables', withoutSave)).toBeNull();
  });
});

const whySkipped = whyNot === null ? '' : ` (skipped: ${whyNot})`;
describe.skipIf(whyNot !== null)(`a namespace of the bench${whySkipped}`, () => {
  it('has the address of a node on an interface that is not loopback, and nothing of the host', async () => {
    const printed = await inOneNamespace([
      { program: 'ip', args: ['-brief', 'address', 'show', 'up', 'dev', 'eth0'] },
      { program: 'ls', args: ['/run'] },
    ]);
    expect(printed).toContain(`${NODE_ADDRESS}/24`);
    expect(printed.trim().split('\n')).toHaveLength(1);
  });

  for (const filter of PACKET_FILTERS) {
    const reason = whyNoFilter(filter, find);
    const why = reason === null ? '' : ` (skipped: ${reason})`;
    it.skipIf(reason !== null)(`takes what the bare program of ${filter} is told${why}`, async () => {
      const bare = bareProgram(filter);
      const text = filter === 'nftables' ? LINES.nftables : LINES.iptables;
      const mark = { program: 'echo', args: ['// next'] };
      const printed = await inOneNamespace([
        ...bare.showsKubelet,
        ...bare.loads([text, '']),
        ...bare.reads,
        mark,
        bare.replacesOne([text, '']),
        ...bare.reads,
        mark,
        ...bare.empties,
        ...bare.reads,
      ]);
      const [loaded = '', replaced = '', emptied = ''] = printed.split('// next\n');
      expect(bare.countServices([loaded])).toBe(2);
      expect(bare.countServices([replaced])).toBe(2);
      expect(emptied).not.toContain('KUBE-');
      expect(emptied).not.toContain('kube-splice');
      expect(loaded.includes('KUBE-KUBELET-CANARY')).toBe(filter !== 'nftables');
      expect(programsOf(filter)).toContain(bare.reads[0]?.program);
    });
  }
});
