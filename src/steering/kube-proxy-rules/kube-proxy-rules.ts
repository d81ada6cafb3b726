import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import { nodePortAddressesOf, waysOfIptablesMode } from './iptables-mode.js';
import type { RuleSave } from './rule-save.js';
import { rulesOfChain } from './saved-rule.js';
import type { ServedWay } from './served-way.js';
import { waysOfUserspaceMode } from './userspace-mode.js';

/** What kube-proxy has written into the packet filter, and so does. */
export interface KubeProxyRules {
  readonly mode: 'iptables' | 'userspace';
  /** Those whose rules were read. */
  readonly families: readonly IPFamily[];
  readonly ways: readonly ServedWay[];
  /** Addresses of the node that NodePorts are on; null for all of them. */
  readonly nodePortAddresses: readonly string[] | null;
  /** What is odd, a sentence each. */
  readonly warnings: readonly string[];
}

/** Chains that lead to those of the Services, by mode and where they hang. */
const HOOKS = {
  iptables: [
    ['PREROUTING', 'KUBE-SERVICES'],
    ['OUTPUT', 'KUBE-SERVICES'],
  ],
  userspace: [
    ['PREROUTING', 'KUBE-PORTALS-CONTAINER'],
    ['OUTPUT', 'KUBE-PORTALS-HOST'],
  ],
} as const;

/** The rules of a host as they were read. */
export interface ReadRules {
  readonly saves: readonly RuleSave[];
  /** Those that were asked for: a family without rules has none. */
  readonly families: readonly IPFamily[];
  /** Programs or files, for messages. */
  readonly where: string;
  /** What is odd with them, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads what a kube-proxy does from the rules of a host.
 *
 * @throws KubeSpliceError `KUBE_PROXY_RULES_MISSING` where there are no rules of kube-proxy's iptables or userspace mode.
 */
export function readKubeProxyRules({ saves, families, where, warnings }: ReadRules): KubeProxyRules {
  const ofIptables = saves.filter(isOfIptablesMode);
  const ofUserspace = saves.filter(isOfUserspaceMode);
  const mode = ofIptables.length > 0 ? 'iptables' : 'userspace';
  const used = mode === 'iptables' ? ofIptables : ofUserspace;
  if (used.length === 0) throw missing(saves, where);
  const ways = used.flatMap(mode === 'iptables' ? waysOfIptablesMode : waysOfUserspaceMode);
  const restricted = mode === 'iptables' ? used.map(nodePortAddressesOf) : [null];
  return {
    mode,
    families,
    ways,
    nodePortAddresses: restricted.includes(null) ? null : restricted.flatMap((list) => list ?? []),
    warnings: [
      ...warnings,
      ...used.flatMap((save) => hookWarnings(save, mode)),
      ...(mode === 'iptables' && ofUserspace.length > 0
        ? ['there are rules of userspace mode as well: left over, or of another kube-proxy']
        : []),
    ],
  };
}

/** Whether a kube-proxy of either mode left rules there. */
export function hasKubeProxyRules(save: RuleSave): boolean {
  return isOfIptablesMode(save) || isOfUserspaceMode(save);
}

function isOfIptablesMode({ tables }: RuleSave): boolean {
  const chains = [...(tables.get('nat')?.keys() ?? [])];
  if (chains.some((chain) => /^KUBE-(SVC|SVL|SEP)-/.test(chain))) return true;
  // A node of which no Service has endpoints.
  return rulesOfChain(tables.get('filter'), 'KUBE-SERVICES').some(({ rejectWith }) => rejectWith !== null);
}

/** kube-splice has chains of the same names; those that guard its portals are its own. */
function isOfUserspaceMode({ tables }: RuleSave): boolean {
  return tables.get('nat')?.has('KUBE-PORTALS-CONTAINER') === true && !isOurs(tables);
}

function isOurs(tables: RuleSave['tables']): boolean {
  return tables.get('filter')?.has('KUBE-PORTALS-GUARD') === true;
}

function hookWarnings({ family, tables }: RuleSave, mode: KubeProxyRules['mode']): readonly string[] {
  const nat = tables.get('nat');
  return HOOKS[mode]
    .filter(([hook, chain]) => !rulesOfChain(nat, hook).some(({ jump }) => jump === chain))
    .map(([hook, chain]) => `${family}: ${hook} does not lead to ${chain}: no traffic follows these rules`);
}

function missing(saves: readonly RuleSave[], where: string): KubeSpliceError {
  const asksSets = saves.some(({ tables }) =>
    rulesOfChain(tables.get('nat'), 'KUBE-SERVICES').some(({ asksSet }) => asksSet),
  );
  if (asksSets)
    return new KubeSpliceError(
      'KUBE_PROXY_RULES_MISSING',
      `${where}: these are the rules of kube-proxy's IPVS mode, which keeps its Services elsewhere`,
      { remedy: '`ipvsadm -Ln` prints them; `kube-splice diff` reads iptables and userspace mode.' },
    );
  const has = saves.some(({ tables }) => isOurs(tables)) ? "kube-splice's own rules, and none" : 'no rules';
  return new KubeSpliceError('KUBE_PROXY_RULES_MISSING', `${where}: ${has} of kube-proxy`);
}
