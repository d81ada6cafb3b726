import { readFileSync } from 'node:fs';
import type { ProxyConfig } from '../config/proxy-config.js';
import type { CommandRunner } from '../host/command-runner.js';
import type { Logger } from '../host/log.js';
import type { ProgramSearch } from '../host/program-search.js';
import { KubeSpliceError } from '../model/errors.js';
import { quoted } from '../model/printable.js';
import type { ServiceState } from '../model/service-state.js';
import { differenceReport, isDifferent } from '../proxier/difference/difference-report.js';
import type { ServiceSource } from '../sources/source.js';
import { differenceText } from '../status/difference-text.js';
import { readHostRules } from '../steering/kube-proxy-rules/host-rules.js';
import type { ReadRules } from '../steering/kube-proxy-rules/kube-proxy-rules.js';
import { readRuleSaves } from '../steering/kube-proxy-rules/rule-save.js';
import { buildSource } from './build-source.js';
import { indentedJson } from './indented-json.js';

export interface DiffCommandOptions {
  /** Where the Services come from, and which addresses NodePorts are to be on. */
  readonly config: ProxyConfig;
  /** Files that hold what iptables-save printed, `-` for standard input; none for the rules of this host. */
  readonly ruleFiles: readonly string[];
  readonly output: 'table' | 'json';
  /** Standard output. */
  readonly write: (text: string) => void;
  readonly logger: Logger;
  readonly runner: CommandRunner;
  readonly find: ProgramSearch;
  /** How long the source may take until it has told all, ms. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 30_000;

/** As diff(1): the same, not the same, trouble. */
export const DIFF_EXIT_CODES = { same: 0, different: 1, trouble: 2 } as const;

/**
 * `kube-splice diff`: compares what kube-splice would do here with what the rules of kube-proxy do, and prints that, for people or for
 * programs. It changes nothing. Resolves with the exit code: 0 where they do the same, 1 where they don't.
 *
 * @throws KubeSpliceError `KUBE_PROXY_RULES_UNREADABLE`, `KUBE_PROXY_RULES_MISSING`, `STEERING_FAILED` where the rules can't be had;
 *   `SERVICES_UNKNOWN` where the source does not tell in time; what a source throws.
 */
export async function runDiffCommand(options: DiffCommandOptions): Promise<number> {
  const { config, ruleFiles, output, write, logger, patienceMs = PATIENCE_MS } = options;
  const rules = ruleFiles.length === 0 ? await readHostRules(options) : rulesOfFiles(ruleFiles);
  // What is remembered from one run to the next is the proxy's own.
  const { source } = await buildSource({ ...config, stateDirectory: null }, logger);
  const state = await firstState(source, patienceMs);
  const report = differenceReport(rules, state, config.nodePortAddresses);
  write(output === 'json' ? indentedJson(report) : differenceText(report));
  return isDifferent(report) ? DIFF_EXIT_CODES.different : DIFF_EXIT_CODES.same;
}

function rulesOfFiles(paths: readonly string[]): ReadRules {
  const saves = paths.flatMap((path) => {
    const name = path === '-' ? 'standard input' : path;
    const found = readRuleSaves(textOf(path, name));
    if (found.length > 0) return found;
    throw new KubeSpliceError(
      'KUBE_PROXY_RULES_UNREADABLE',
      `--iptables-save: ${quoted(name)} has no table of rules`,
    );
  });
  return {
    saves,
    families: [...new Set(saves.map(({ family }) => family))],
    where: paths.map((path) => (path === '-' ? 'standard input' : path)).join(', '),
    warnings: [],
  };
}

const STANDARD_INPUT = 0;

function textOf(path: string, name: string): string {
  try {
    return readFileSync(path === '-' ? STANDARD_INPUT : path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KubeSpliceError(
      'KUBE_PROXY_RULES_UNREADABLE',
      `--iptables-save: ${quoted(name)} can't be read: ${why}`,
      {
        cause,
      },
    );
  }
}

/** The first one has everything: Services and endpoints. */
async function firstState(source: ServiceSource, patienceMs: number): Promise<ServiceState> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ServiceState>((resolve, reject) => {
      timer = setTimeout(() => reject(notTold(source, patienceMs)), patienceMs);
      source.start(resolve).catch(reject);
    });
  } finally {
    clearTimeout(timer);
    await source.stop();
  }
}

function notTold(source: ServiceSource, patienceMs: number): KubeSpliceError {
  const why = source
    .status()
    .flatMap(({ location, errors }) => errors.map((error) => `${location}: ${error}`));
  return new KubeSpliceError(
    'SERVICES_UNKNOWN',
    `which Services there are was not told within ${patienceMs / 1_000} s${why.length === 0 ? '' : `: ${why.join('; ')}`}`,
  );
}
