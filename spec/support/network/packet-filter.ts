import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeNetwork } from './node-network.js';
import type { FilterName } from './requirements.js';

const SYSTEM_DIRECTORY = '/usr/sbin';
const IPTABLES_PROGRAMS = ['iptables', 'ip6tables'] as const;
const FORMS = ['', '-save', '-restore'] as const;

/** What programs of this filter say while they are broken. */
export const BROKEN_WORDS = 'the kernel has had enough of rules today';

/** In the environment of what a spec runs itself, lest a broken filter hinder it to look. */
const OF_A_SPEC = 'KUBE_SPLICE_OF_A_SPEC';

/**
 * One way to write packet rules on the node of a network. Its directory goes first in PATH: there, `iptables` is the
 * variant that is meant, and every program can be broken and mended.
 */
export class PacketFilter {
  readonly #directory = mkdtempSync(join(tmpdir(), 'kube-splice-filter-'));
  readonly #broken = join(this.#directory, 'broken');

  constructor(
    readonly name: FilterName,
    private readonly network: NodeNetwork,
  ) {
    const variant = name === 'iptables-legacy' ? 'legacy' : 'nft';
    for (const program of IPTABLES_PROGRAMS) {
      for (const form of FORMS) {
        this.#wrap(`${program}${form}`, `${program}-${variant}${form}`);
        for (const each of ['legacy', 'nft'])
          this.#wrap(`${program}-${each}${form}`, `${program}-${each}${form}`);
      }
    }
    this.#wrap('nft', 'nft');
  }

  /** `--steering` for this filter. */
  get steering(): 'iptables' | 'nftables' {
    return this.name === 'nftables' ? 'nftables' : 'iptables';
  }

  /** The environment in which programs find this filter first. */
  get environment(): Readonly<Record<string, string>> {
    return { PATH: `${this.#directory}:${process.env.PATH ?? ''}` };
  }

  /** From now on every program of it fails, with `BROKEN_WORDS`, but for those that a spec runs itself. */
  break(): void {
    writeFileSync(this.#broken, '');
  }

  mend(): void {
    rmSync(this.#broken, { force: true });
  }

  /**
   * Runs shell commands on the node, in which `iptables`, `ip6tables` and `nft` are those of this filter: broken or not,
   * they work here.
   */
  shell(commands: string): Promise<string> {
    const environment = { ...this.environment, [OF_A_SPEC]: '1' };
    return this.network.outputOnNode(['/bin/sh', '-ec', commands], { environment });
  }

  /**
   * All rules of both families, ours and others', without counters and times; one a line, behind its table. Those of
   * chains of ours are sorted, because their order means nothing.
   */
  async rules(): Promise<readonly string[]> {
    if (this.name === 'nftables') return linesOfRuleset(await this.shell('nft -s list ruleset'));
    const families = ['iptables-save', 'ip6tables-save'] as const;
    const saves = await Promise.all(families.map(async (save) => linesOfSave(save, await this.shell(save))));
    return saves.flat();
  }

  /** The rules that are not kube-splice's. */
  async foreignRules(): Promise<readonly string[]> {
    const rules = await this.rules();
    return this.name === 'nftables'
      ? withoutOurTable(rules)
      : rules.filter((rule) => !rule.includes('KUBE-'));
  }

  /** Nothing is left of anybody's rules. */
  async clear(): Promise<void> {
    this.mend();
    const tables = ['filter', 'nat', 'mangle', 'raw']
      .flatMap((table) =>
        IPTABLES_PROGRAMS.map((program) => `${program} -w 5 -t ${table} -F; ${program} -w 5 -t ${table} -X`),
      )
      .join('\n');
    await this.shell(
      `if command -v nft >/dev/null; then nft flush ruleset; fi\n${this.name === 'iptables-legacy' ? tables : ''}`,
    );
    await this.network.node.namespace.run(['conntrack', '-F']);
  }

  delete(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #wrap(name: string, program: string): void {
    const path = join(SYSTEM_DIRECTORY, program);
    if (!existsSync(path)) return;
    const script = `#!/bin/sh
if [ -e '${this.#broken}' ] && [ -z "$${OF_A_SPEC}" ]; then echo '${BROKEN_WORDS}' >&2; exit 4; fi
exec ${path} "$@"
`;
    writeFileSync(join(this.#directory, name), script);
    chmodSync(join(this.#directory, name), 0o755);
  }
}

/** Built-in chains that accept are left out: reading a table makes them. */
function linesOfSave(program: string, text: string): readonly string[] {
  const lines: string[] = [];
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith('-') || / (-|DROP) \[\d+:\d+\]$/.test(line))
      lines.push(`${program} ${table} ${line.replace(/ \[\d+:\d+\]$/, '')}`);
  }
  const isOurs = (line: string) => / -A KUBE-/.test(line);
  return [...lines.filter((line) => !isOurs(line)), ...lines.filter(isOurs).toSorted()];
}

/**
 * Elements of sets and maps are printed in the order of a hash table, and tables in the order in which they were made,
 * which means nothing, as their priorities say whose turn it is: both are sorted here.
 */
function linesOfRuleset(text: string): readonly string[] {
  return text
    .replace(/elements = \{([^}]*)\}/g, (_, elements: string) => {
      const sorted = elements
        .split(',')
        .map((element) => element.trim())
        .toSorted();
      return `elements = { ${sorted.join(', ')} }`;
    })
    .split(/\n(?=table )/)
    .toSorted()
    .join('\n')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** `nft` ends a table with a line of its own. */
function withoutOurTable(lines: readonly string[]): readonly string[] {
  let isOurs = false;
  return lines.filter((line) => {
    const begins = /^table \S+ (\S+) \{$/.exec(line);
    if (begins !== null) isOurs = begins[1]?.startsWith('kube-splice') === true;
    return !isOurs;
  });
}
