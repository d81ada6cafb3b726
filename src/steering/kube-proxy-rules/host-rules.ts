import { KubeSpliceError } from '../../model/errors.js';
import { findPrograms, hasLegacyTables, type IptablesHost } from '../iptables/find-programs.js';
import { wordsOf } from '../iptables/iptables-programs.js';
import { IP_FAMILIES } from '../steering.js';
import { hasKubeProxyRules, type ReadRules } from './kube-proxy-rules.js';
import { type RuleSave, readRuleSaves } from './rule-save.js';

/**
 * Reads the rules that each iptables of this host has: of each family those of the variant that kube-proxy writes to. Reads only: a legacy
 * table that is not in use is not asked for, since that would make it.
 *
 * @throws KubeSpliceError `STEERING_FAILED` where a program there is fails; `COMMAND_FAILED`, `COMMAND_NOT_FOUND` as the runner;
 *   `KUBE_PROXY_RULES_MISSING` where there is no iptables at all.
 */
export async function readHostRules(host: IptablesHost): Promise<ReadRules> {
  const saves: RuleSave[] = [];
  const places: string[] = [];
  const warnings: string[] = [];
  for (const family of IP_FAMILIES) {
    const read: { place: string; save: RuleSave }[] = [];
    for (const { save: program, variant } of await findPrograms(family, host)) {
      const place = variant === 'nft' ? `${nameOf(program)} (nft)` : nameOf(program);
      places.push(place);
      if (variant === 'legacy' && !hasLegacyTables(family, host)) continue;
      const result = await host.runner.run({ program, args: [] });
      if (result.exitCode !== 0)
        throw new KubeSpliceError('STEERING_FAILED', `${program}: ${wordsOf(result)}`, {
          remedy: 'Run it as root, or give --iptables-save FILE with what iptables-save printed.',
        });
      for (const save of readRuleSaves(result.stdout)) read.push({ place, save: { ...save, family } });
    }
    const withRules = read.filter(({ save }) => hasKubeProxyRules(save));
    const [first, second] = withRules;
    if (first !== undefined && second !== undefined)
      warnings.push(
        `kube-proxy's rules are in ${second.place}, too; those of ${first.place} were compared: one of the two is left over`,
      );
    saves.push(...(first === undefined ? read.map(({ save }) => save) : [first.save]));
  }
  if (places.length > 0) return { saves, families: IP_FAMILIES, where: places.join(', '), warnings };
  throw new KubeSpliceError('KUBE_PROXY_RULES_MISSING', 'there is no iptables-save here');
}

function nameOf(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}
