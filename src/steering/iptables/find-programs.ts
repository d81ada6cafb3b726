import { readFileSync } from 'node:fs';
import type { CommandResult, CommandRunner } from '../../host/command-runner.js';
import type { ProgramSearch } from '../../host/program-search.js';
import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import { type IptablesPrograms, wordsOf } from './iptables-programs.js';
import { parseRelease, type Variant } from './release.js';

/** What the search for iptables looks at. */
export interface IptablesHost {
  readonly runner: CommandRunner;
  readonly find: ProgramSearch;
  /** The text of a file; it may throw. */
  readonly readText?: (path: string) => string;
}

const BASE: Readonly<Record<IPFamily, string>> = { IPv4: 'iptables', IPv6: 'ip6tables' };

/** The legacy tables that are in use: to ask iptables-legacy for one that is not would make it. */
const LEGACY_TABLES: Readonly<Record<IPFamily, string>> = {
  IPv4: '/proc/net/ip_tables_names',
  IPv6: '/proc/net/ip6_tables_names',
};

/**
 * The iptables programs of a host, the ones to use first: those which hold chains of Kubernetes already, else those which
 * others have more rules in, else the ones called `iptables`. A kernel where two variants have rules passes every packet
 * through both, and what one allows the other may still refuse; so Kubernetes keeps to one
 * (https://github.com/kubernetes-sigs/iptables-wrappers).
 *
 * @throws KubeSpliceError `STEERING_FAILED` where there are programs, and none of them so much as tells its version.
 */
export async function findPrograms(
  family: IPFamily,
  host: IptablesHost,
): Promise<readonly IptablesPrograms[]> {
  const base = BASE[family];
  const found: IptablesPrograms[] = [];
  const failures: KubeSpliceError[] = [];
  for (const name of [base, `${base}-legacy`, `${base}-nft`]) {
    const programs = await programsCalled(name, host);
    if (programs instanceof KubeSpliceError) failures.push(programs);
    // The plain name is mostly one of the other two.
    else if (programs !== null && !found.some(({ variant }) => variant === programs.variant))
      found.push(programs);
  }
  const [failure] = failures;
  if (found.length === 0 && failure !== undefined) throw failure;
  if (found.length < 2) return found;
  const ranked: { programs: IptablesPrograms; use: Use }[] = [];
  for (const programs of found) ranked.push({ programs, use: await useOf(programs, family, host) });
  return ranked
    .toSorted(
      (a, b) => Number(b.use.hasKubernetes) - Number(a.use.hasKubernetes) || b.use.rules - a.use.rules,
    )
    .map(({ programs }) => programs);
}

async function programsCalled(
  name: string,
  { runner, find }: IptablesHost,
): Promise<IptablesPrograms | KubeSpliceError | null> {
  const [program, save, restore] = [find(name), find(`${name}-save`), find(`${name}-restore`)];
  if (program === null || save === null || restore === null) return null;
  const result = await answerOf(runner.run({ program, args: ['--version'] }));
  // One that can't even tell its version is broken for now; one that tells it in other words is not.
  if (result instanceof KubeSpliceError)
    return new KubeSpliceError('STEERING_FAILED', result.message, { cause: result });
  if (result.exitCode !== 0) return new KubeSpliceError('STEERING_FAILED', `${name}: ${wordsOf(result)}`);
  const { release, variant } = parseRelease(`${result.stdout}${result.stderr}`);
  return { name, main: program, save, restore, release, variant: nameTells(name) ?? variant };
}

/** Also of one that could not be started, or did not end. */
async function answerOf(running: Promise<CommandResult>): Promise<CommandResult | KubeSpliceError> {
  try {
    return await running;
  } catch (error) {
    if (error instanceof KubeSpliceError) return error;
    throw error;
  }
}

function nameTells(name: string): Variant | null {
  if (name.endsWith('-legacy')) return 'legacy';
  return name.endsWith('-nft') ? 'nft' : null;
}

interface Use {
  readonly hasKubernetes: boolean;
  readonly rules: number;
}

async function useOf(
  { save, variant }: IptablesPrograms,
  family: IPFamily,
  host: IptablesHost,
): Promise<Use> {
  if (variant === 'legacy' && !hasLegacyTables(family, host)) return { hasKubernetes: false, rules: 0 };
  const { stdout } = await host.runner.run({ program: save, args: [] });
  return { hasKubernetes: /^:KUBE-/m.test(stdout), rules: stdout.match(/^-A /gm)?.length ?? 0 };
}

/** Whether iptables-legacy has any table of this family in the kernel. */
export function hasLegacyTables(
  family: IPFamily,
  { readText = readFile }: Pick<IptablesHost, 'readText'>,
): boolean {
  try {
    return readText(LEGACY_TABLES[family]).trim() !== '';
  } catch {
    return false; // No such module is loaded, or only root may look.
  }
}

function readFile(path: string): string {
  return readFileSync(path, 'utf8');
}
