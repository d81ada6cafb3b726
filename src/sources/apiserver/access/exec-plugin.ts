import { spawn } from 'node:child_process';
import { KubeSpliceError, systemErrorCode } from '../../../model/errors.js';
import { printable, quoted } from '../../../model/printable.js';
import { type ExecCredential, parseExecCredential } from './exec-credential.js';

/** The versions of `client.authentication.k8s.io` that are spoken. */
export const EXEC_API_VERSIONS = [
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
] as const;

/** A program that gives credentials ("client-go credential plugins" in Kubernetes' documentation). */
export interface ExecPluginConfig {
  /** An absolute path, or a name that is looked for in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: (typeof EXEC_API_VERSIONS)[number];
  /** What to tell where the program is not there. */
  readonly installHint: string | null;
  /** What the kubeconfig file holds for plugins, where the cluster is to be described to it; else null. */
  readonly clusterInfo: { readonly extension: unknown } | null;
}

export interface ExecPluginOptions {
  /** What is added to `KUBERNETES_EXEC_INFO` as `spec.cluster`; null to tell nothing. */
  readonly cluster: Readonly<Record<string, unknown>> | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends the plugin. */
  readonly signal: AbortSignal;
  /** Milliseconds that it may take. */
  readonly timeoutMs: number;
}

const LARGEST_OUTPUT_BYTES = 1024 * 1024;
const LONGEST_COMPLAINT = 300;

/**
 * Runs the plugin and reads what it gives. It is run without a shell and without standard input.
 *
 * The library's `ExecAuth` is not used: it tells the plugin nothing (`KUBERNETES_EXEC_INFO`), leaves its standard input
 * open, waits for it for ever, and can quote what it printed, a token, in an error.
 *
 * @throws KubeSpliceError `CREDENTIALS_UNUSABLE`, with the last line the plugin wrote to standard error.
 */
export async function runExecPlugin(
  plugin: ExecPluginConfig,
  options: ExecPluginOptions,
): Promise<ExecCredential> {
  const name = `the exec plugin ${quoted(plugin.command)}`;
  const { stdout, stderr, end } = await run(plugin, options);
  if (typeof end === 'string') throw unusable(`${name} ${end}${lastLine(stderr)}`);
  if (end instanceof Error) throw notStarted(name, plugin, end);
  const credential = parseExecCredential(stdout, plugin.apiVersion);
  if (typeof credential === 'string') throw unusable(`${name} ${credential}`);
  return credential;
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** Null for success; else why not, in words or as the system says it. */
  readonly end: string | Error | null;
}

function run(plugin: ExecPluginConfig, options: ExecPluginOptions): Promise<Outcome> {
  const { signal, timeoutMs } = options;
  return new Promise((resolve) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    let stopped: string | null = null;
    const child = spawn(plugin.command, plugin.args, {
      env: { ...options.environment, ...plugin.env, KUBERNETES_EXEC_INFO: execInfo(plugin, options.cluster) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group: what it started ends with it.
      detached: true,
    });
    const stop = (why: string): void => {
      stopped ??= why;
      killGroup(child.pid);
      // What left the group may hold the pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LARGEST_OUTPUT_BYTES) stop('prints more than 1 MiB');
      else into.push(chunk);
    };
    const onAbort = (): void => stop('was stopped');
    const timer = setTimeout(() => stop(`has not ended within ${timeoutMs / 1000} s`), timeoutMs);
    const settle = (end: Outcome['end']): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve({ stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), end });
    };
    signal.addEventListener('abort', onAbort);
    child.stdout.on('data', collect(stdout));
    child.stderr.on('data', collect(stderr));
    child.on('error', settle);
    child.on('close', (code, killedBy) =>
      settle(stopped ?? (code === 0 ? null : `ended with ${code === null ? killedBy : `exit code ${code}`}`)),
    );
    if (signal.aborted) onAbort();
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function execInfo({ apiVersion }: ExecPluginConfig, cluster: ExecPluginOptions['cluster']): string {
  const spec = { interactive: false, ...(cluster === null ? {} : { cluster }) };
  return JSON.stringify({ kind: 'ExecCredential', apiVersion, spec });
}

function notStarted(name: string, { installHint }: ExecPluginConfig, error: Error): KubeSpliceError {
  const code = systemErrorCode(error) ?? String(error);
  const why = code === 'ENOENT' ? 'is not there (ENOENT)' : `cannot be started (${code})`;
  const hint = installHint === null ? '' : `: ${cut(installHint)}`;
  return unusable(`${name} ${why}${hint}`, error);
}

function lastLine(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${cut(line)}`;
}

function cut(text: string): string {
  const one = printable(text.trim());
  return one.length > LONGEST_COMPLAINT ? `${one.slice(0, LONGEST_COMPLAINT)}…` : one;
}

function unusable(message: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('CREDENTIALS_UNUSABLE', message, { cause });
}
