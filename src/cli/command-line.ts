import { readFileSync } from 'node:fs';
import { parseChoice } from '../config/choice.js';
import { DEFAULT_CONFIG, DEMO_DEFAULT_CONFIG } from '../config/defaults.js';
import { parsePeriod } from '../config/duration.js';
import { type ConfigFile, readConfigFile } from '../config/file/config-file.js';
import { configText } from '../config/file/config-text.js';
import { nearest } from '../config/nearest.js';
import { invalid, type Parsed, valid } from '../config/parsed.js';
import type { ProxyConfig, StatusAddress } from '../config/proxy-config.js';
import { parseAddress } from '../model/address.js';
import { KubeSpliceError } from '../model/errors.js';
import { quoted } from '../model/printable.js';
import { readArguments } from './arguments.js';
import { configFromFlags, statusAddressFromFlags } from './config-from-flags.js';
import type { Command } from './flag.js';
import { FLAGS, type FlagName } from './flags.js';
import { IGNORED_FLAGS } from './flags-of-kube-proxy.js';
import { STATUS_OUTPUTS } from './general-flags.js';
import { type AcceptedFlagName, GivenFlags } from './given-flags.js';
import { settle, warningsForIgnoredFlags } from './settle.js';
import { programVersion } from './version.js';

/** What a command line asks for. Warnings are sentences, one for each thing that will not be as it was asked for. */
export type CommandLine =
  | {
      readonly command: 'run';
      readonly config: ProxyConfig;
      /** The file of `--config`; null where there is none. */
      readonly configFile: string | null;
      readonly warnings: readonly string[];
    }
  | {
      readonly command: 'demo';
      readonly once: boolean;
      readonly config: ProxyConfig;
      readonly warnings: readonly string[];
    }
  | { readonly command: 'status'; readonly address: StatusAddress; readonly output: 'table' | 'json' }
  /** Go on asking, every so often, ms. */
  | { readonly command: 'watch'; readonly address: StatusAddress; readonly intervalMs: number }
  | {
      readonly command: 'explain';
      readonly address: StatusAddress;
      readonly output: 'table' | 'json';
      readonly service: string;
      /** Whom it is asked for, in canonical text; null for nobody in particular. */
      readonly client: string | null;
    }
  | {
      readonly command: 'diff';
      readonly config: ProxyConfig;
      /** What iptables-save printed; none for the rules of this host. */
      readonly ruleFiles: readonly string[];
      readonly output: 'table' | 'json';
      readonly warnings: readonly string[];
    }
  /** Remove the packet rules and exit. */
  | { readonly command: 'cleanup'; readonly warnings: readonly string[] }
  /** The help of a command. */
  | { readonly command: 'help'; readonly of: Command }
  | { readonly command: 'version'; readonly text: string }
  /** Write a configuration file and exit. */
  | {
      readonly command: 'write-config';
      readonly path: string;
      readonly text: string;
      readonly warnings: readonly string[];
    };

/** The variables of the process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a file as text. Throws the system's error where it can't. */
export type ReadText = (path: string) => string;

const COMMAND_WORDS = ['demo', 'status', 'explain', 'diff'] as const;

/**
 * Reads the arguments behind the program's name. Prints nothing and never exits.
 *
 * @param environment tells whether this runs in a pod.
 * @param readText reads the file of `--config`.
 * @throws KubeSpliceError `FLAG_UNKNOWN`, `FLAG_INVALID`, `CONFIG_UNREADABLE`, `CONFIG_INVALID`, `SOURCE_MISSING`.
 */
export function parseCommandLine(
  argv: readonly string[],
  environment: Environment = {},
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
): CommandLine {
  const { words, given } = readArguments(argv, [...FLAGS, ...IGNORED_FLAGS]);
  const flags = new GivenFlags(given);
  const { command, operands } = commandOf(words);
  if (flags.isTrue('help')) return { command: 'help', of: command };
  if (flags.isTrue('version')) return { command: 'version', text: `kube-splice ${programVersion()}\n` };
  refuseFlagsOfOtherCommands(flags, command);
  switch (command) {
    case 'run':
      return runCommandLine(flags, environment, readText);
    case 'demo':
      return demoCommandLine(flags);
    case 'status':
      return statusCommandLine(flags);
    case 'diff':
      return diffCommandLine(flags, environment, readText);
    case 'explain':
      return {
        command,
        ...statusPlace(flags),
        service: serviceOperand(operands),
        client: flags.read('client', parseClient) ?? null,
      };
  }
}

function runCommandLine(given: GivenFlags, environment: Environment, readText: ReadText): CommandLine {
  const { values, warnings: ofFile } = configFile(given, readText);
  const flags = given.over(values);
  const asked = configFromFlags(flags, DEFAULT_CONFIG);
  const { config, warnings: settled } = settle(flags, withServiceAccount(asked, environment));
  const warnings = [...ofFile, ...warningsForIgnoredFlags(flags), ...settled];
  if (flags.isFilled('write-config-to'))
    return {
      command: 'write-config',
      path: flags.text('write-config-to') ?? '',
      text: configText(asked),
      warnings,
    };
  const cleanup: readonly FlagName[] = ['cleanup-iptables', 'cleanup'];
  if (cleanup.some((name) => flags.isTrue(name))) return { command: 'cleanup', warnings };
  refuseWithoutSource(config);
  return { command: 'run', config, configFile: given.text('config') || null, warnings };
}

function refuseWithoutSource({ manifests, apiServer }: ProxyConfig): void {
  if (manifests.length > 0 || apiServer !== null) return;
  throw new KubeSpliceError(
    'SOURCE_MISSING',
    'no Services to proxy: --kubeconfig, --master and --manifests are missing, and this is no pod',
  );
}

/** What a file says that has no meaning here is overlooked: it is that of the proxy. */
function diffCommandLine(given: GivenFlags, environment: Environment, readText: ReadText): CommandLine {
  const { values, warnings } = configFile(given, readText);
  const config = withServiceAccount(configFromFlags(given.over(values), DEFAULT_CONFIG), environment);
  refuseWithoutSource(config);
  return {
    command: 'diff',
    config,
    ruleFiles: given.all('iptables-save'),
    output: outputOf(given),
    warnings,
  };
}

/** What the file of `--config` says; nothing where there is none. */
function configFile(flags: GivenFlags, readText: ReadText): ConfigFile {
  const path = flags.text('config') ?? '';
  if (path === '') return { values: new Map(), warnings: [] };
  let text: string;
  try {
    text = readText(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KubeSpliceError('CONFIG_UNREADABLE', `--config: ${quoted(path)} can't be read: ${why}`, {
      cause,
    });
  }
  return readConfigFile(path, text);
}

/** In a pod, where nothing else is said, the API server is the source: it is reached as the pod's service account. */
function withServiceAccount(config: ProxyConfig, environment: Environment): ProxyConfig {
  const isNamed = config.manifests.length > 0 || config.apiServer !== null;
  const isInPod = (environment.KUBERNETES_SERVICE_HOST ?? '') !== '';
  return isNamed || !isInPod ? config : { ...config, apiServer: { kubeconfig: null, master: null } };
}

function demoCommandLine(flags: GivenFlags): CommandLine {
  const { config, warnings } = settle(flags, configFromFlags(flags, DEMO_DEFAULT_CONFIG));
  return { command: 'demo', once: flags.isTrue('once'), config, warnings };
}

/** More often than this nobody can read it, and asking is work for the proxy. */
const SHORTEST_INTERVAL_MS = 100;

function statusCommandLine(flags: GivenFlags): CommandLine {
  const { address, output } = statusPlace(flags);
  const intervalMs = flags.read('interval', parsePeriod) ?? 2_000;
  if (intervalMs < SHORTEST_INTERVAL_MS)
    throw flags.invalid(
      'interval',
      `${quoted(flags.text('interval') ?? '')} is too short; give 100ms at least`,
    );
  if (!flags.isTrue('watch')) return { command: 'status', address, output };
  if (output !== 'json') return { command: 'watch', address, intervalMs };
  throw flags.invalid('watch', 'is for people; without it, --output=json prints one report');
}

/** Where a command asks the running proxy, and in which form it prints the answer. */
function statusPlace(flags: GivenFlags): { address: StatusAddress; output: 'table' | 'json' } {
  const output = outputOf(flags);
  const address = statusAddressFromFlags(flags, DEFAULT_CONFIG.statusAddress);
  if (address !== null) return { address, output };
  const byPort = flags.has('healthz-port') && flags.text('healthz-bind-address') !== '';
  const name = byPort ? 'healthz-port' : 'healthz-bind-address';
  throw flags.invalid(
    name,
    `${quoted(flags.text(name) ?? '')} turns status off; say where the running kube-splice serves it`,
  );
}

function outputOf(flags: GivenFlags): 'table' | 'json' {
  return flags.read('output', (text) => parseChoice(text, STATUS_OUTPUTS)) ?? 'table';
}

function serviceOperand([service]: readonly string[]): string {
  if (service !== undefined) return service;
  throw new KubeSpliceError(
    'FLAG_INVALID',
    'explain: which Service? Give NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT',
  );
}

function parseClient(text: string): Parsed<string> {
  const parsed = parseAddress(text);
  return parsed === undefined
    ? invalid(text, 'is not an IP address; give the one that the client connects from, without a port')
    : valid(parsed.address);
}

/** Words that may follow a command. */
const OPERANDS: Readonly<Record<Command, number>> = { run: 0, demo: 0, status: 0, explain: 1, diff: 0 };

function commandOf(words: readonly string[]): { command: Command; operands: readonly string[] } {
  // An unset variable in a unit file, "${EXTRA_ARGS}", arrives as an empty word; kube-proxy overlooks it, too.
  const [word, ...operands] = words.filter((candidate) => candidate !== '');
  if (word === undefined) return { command: 'run', operands };
  const command = COMMAND_WORDS.find((candidate) => candidate === word);
  if (command === undefined) throw unexpectedWord(word);
  const surplus = operands[OPERANDS[command]];
  if (surplus !== undefined) {
    throw new KubeSpliceError(
      'FLAG_UNKNOWN',
      `unexpected ${quoted(surplus)} after ${command}: it takes ${command === 'explain' ? 'one Service' : 'flags only'}`,
    );
  }
  return { command, operands };
}

function unexpectedWord(word: string): KubeSpliceError {
  const meant = nearest(word, COMMAND_WORDS);
  return new KubeSpliceError(
    'FLAG_UNKNOWN',
    meant === undefined
      ? `unexpected ${quoted(word)}: the commands are ${COMMAND_WORDS.join(', ')}, and each file or directory has a --manifests of its own`
      : `unknown command ${quoted(word)}; did you mean ${meant}?`,
  );
}

function refuseFlagsOfOtherCommands(flags: GivenFlags, command: Command): void {
  const accepted: readonly { readonly name: AcceptedFlagName; readonly commands: readonly Command[] }[] = [
    ...FLAGS,
    ...IGNORED_FLAGS.map(({ name }) => ({ name, commands: ['run'] as const })),
  ];
  const foreign = accepted.find(({ name, commands }) => flags.has(name) && !commands.includes(command));
  if (foreign === undefined) return;
  const owners = foreign.commands.map(commandText).join(' and ');
  throw flags.invalid(foreign.name, `is not a flag of ${commandText(command)}, but of ${owners}`);
}

function commandText(command: Command): string {
  return command === 'run' ? 'kube-splice' : `kube-splice ${command}`;
}
