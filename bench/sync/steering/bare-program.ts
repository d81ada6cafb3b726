import type { Command } from '../../../src/host/command-runner.js';
import { type PacketFilter, variantOf } from './packet-filter.js';

/** The program that rules are written with, by itself: what there is to compare with. */
export interface BareProgram {
  /** Print every rule of the kernel, one for each family; none makes a table that is not there. */
  readonly reads: readonly Command[];
  /** Load rules beside those that there are. @param texts what `reads` printed. */
  loads(texts: readonly string[]): readonly Command[];
  /** Removes one rule of a Service, and adds it again, at once. @throws Error where `texts` has no rules of Services. */
  replacesOne(texts: readonly string[]): Command;
  /** How many Services have rules. */
  countServices(texts: readonly string[]): number;
  /** Remove every rule. */
  readonly empties: readonly Command[];
  /**
   * Make the one chain that kubelet makes, by which others see which variant Kubernetes has its rules in
   * (https://kubernetes.io/blog/2022/09/07/iptables-chains-not-api/); none where there are no variants.
   */
  readonly showsKubelet: readonly Command[];
}

export function bareProgram(filter: PacketFilter): BareProgram {
  return filter === 'nftables' ? BARE_NFT : bareIptables(variantOf(filter));
}

const FAMILIES = ['iptables', 'ip6tables'] as const;
const EMPTY_TABLES = ['nat', 'filter', 'mangle'].map((table) => `*${table}\nCOMMIT\n`).join('');
const KUBELET = '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n';

function bareIptables(variant: 'legacy' | 'nft'): BareProgram {
  const restores = (flags: readonly string[], inputs: readonly string[]): readonly Command[] =>
    FAMILIES.flatMap((base, index) => {
      const input = inputs[index] ?? '';
      return input === '' ? [] : [{ program: `${base}-${variant}-restore`, args: flags, input }];
    });
  return {
    reads: FAMILIES.map((base) => ({ program: `${base}-${variant}-save`, args: [] })),
    loads: (texts) => restores(['--noflush'], texts),
    replacesOne([text = '']) {
      const { rules } = longestChain(text);
      const rule = middleOf(rules);
      const input = `*nat\n-D ${rule}\n-A ${rule}\nCOMMIT\n`;
      return { program: `iptables-${variant}-restore`, args: ['--noflush'], input };
    },
    // Each has one rule there, in whichever leaf of the chain.
    countServices: ([text = '']) =>
      text.match(/^-A KUBE-PORTALS-CONTAINER\S* .* -j REDIRECT --to-ports \d+$/gm)?.length ?? 0,
    empties: restores([], [EMPTY_TABLES, EMPTY_TABLES]),
    showsKubelet: restores(['--noflush'], [KUBELET, KUBELET]),
  };
}

/** Of Kubernetes' in the table nat. Each of its rules is the chain and what follows. */
function longestChain(saved: string): { readonly rules: readonly string[] } {
  const nat = saved.split(/^\*/m).find((table) => table.startsWith('nat\n')) ?? '';
  const chains = new Map<string, string[]>();
  for (const [, rule = '', chain = ''] of nat.matchAll(/^-A ((KUBE-\S+) .*)$/gm)) {
    const rules = chains.get(chain);
    if (rules === undefined) chains.set(chain, [rule]);
    else rules.push(rule);
  }
  const [rules = []] = [...chains.values()].toSorted((a, b) => b.length - a.length);
  return { rules };
}

const BARE_NFT: BareProgram = {
  reads: [{ program: 'nft', args: ['list', 'ruleset'] }],
  loads: ([input = '']) => [{ program: 'nft', args: ['-f', '-'], input }],
  replacesOne([text = '']) {
    const { name, elements } = largestMap(text);
    const element = middleOf(elements);
    const [key = ''] = element.replace(/ (comment "[^"]*"|counter packets \d+ bytes \d+)/g, '').split(' : ');
    const input = `delete element ${name} { ${key} }\nadd element ${name} { ${element} }\n`;
    return { program: 'nft', args: ['-f', '-'], input };
  },
  countServices: ([text = '']) => largestMap(text).elements.length,
  empties: [{ program: 'nft', args: ['flush', 'ruleset'] }],
  showsKubelet: [],
};

/** Its name has the family and the table in front, as commands want it. */
function largestMap(listed: string): { readonly name: string; readonly elements: readonly string[] } {
  let table = '';
  let largest: { name: string; elements: readonly string[] } = { name: '', elements: [] };
  for (const block of listed.split(/^(?=table |\t\S)/m)) {
    table = /^table (\S+ \S+) \{/.exec(block)?.[1] ?? table;
    const map = /^\tmap (\S+) \{/.exec(block)?.[1];
    const text = /elements = \{([^}]*)\}/.exec(block)?.[1];
    if (map === undefined || text === undefined) continue;
    const elements = text.split(',').map((element) => element.trim());
    if (elements.length > largest.elements.length) largest = { name: `${table} ${map}`, elements };
  }
  return largest;
}

function middleOf(entries: readonly string[]): string {
  const entry = entries[Math.floor(entries.length / 2)];
  if (entry === undefined) throw new Error('there are no rules of Services');
  return entry;
}
