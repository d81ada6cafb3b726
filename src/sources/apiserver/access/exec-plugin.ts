import type { ChildProcess } from 'node:child_process';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { KubeSpliceError } from '../../../model/errors.js';
import { Field, isMapping } from '../../../model/field.js';
import { quoted } from '../../../model/printable.js';
import { execCredentialFault } from './exec-credential.js';
import type { ExecPluginConfig } from './exec-plugin-config.js';
import { type ExecFault, startExecProcess, startFault } from './exec-process.js';
import type { ClientCertificate } from './read-credentials.js';
import { shortened } from './shortened.js';

export interface ExecPluginOptions {
  /** What is added to `KUBERNETES_EXEC_INFO` as `spec.cluster`; null to tell nothing. */
  readonly clusterInfo: () => Promise<Readonly<Record<string, unknown>> | null>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends the plugin. */
  readonly signal: AbortSignal;
  /** Milliseconds that it may take. */
  readonly timeoutMs: number;
}

/** What an exec plugin gave. At least one of the two is there. */
export interface ExecCredential {
  /** The value of the header `Authorization`. */
  readonly authorization: string | null;
  readonly certificate: ClientCertificate | null;
}

/** The library keeps credentials by the name of their user: here there is one. */
const USER = 'exec';

/** The library would ask for a credential that says no time again at each request; client-go keeps it. */
const UNTIL_REFUSED = '9999-12-31T23:59:59Z';

/**
 * The credentials of an exec plugin. The client library asks the plugin, and again when what it gave has expired by the
 * system's clock; a plugin that fails then is an error, as nothing good is left.
 *
 * The library runs what it is given to run it with, which here is `startExecProcess`: by itself it leaves standard input
 * open, tells the plugin nothing (`KUBERNETES_EXEC_INFO`) and waits for it for ever. Its errors are not repeated, for
 * they can quote what was printed, a token.
 */
export class ExecPlugin {
  readonly #plugin: ExecPluginConfig;
  readonly #options: ExecPluginOptions;
  /** What the plugin printed last. The library fills it and reads it. */
  readonly #printed: Record<string, unknown> = {};
  #asking: Promise<ExecCredential> | null = null;

  constructor(plugin: ExecPluginConfig, options: ExecPluginOptions) {
    this.#plugin = plugin;
    this.#options = options;
  }

  /**
   * The credential that is good now. Whoever asks meanwhile shares the one run of the plugin.
   *
   * @throws KubeSpliceError `CREDENTIALS_UNUSABLE`.
   */
  async value(): Promise<ExecCredential> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return await this.#asking;
  }

  /** The next call of `value` runs the plugin. */
  drop(): void {
    delete this.#printed[USER];
  }

  async #ask(): Promise<ExecCredential> {
    const environment = this.#environment(await this.#options.clusterInfo());
    let fault: Promise<ExecFault | null> = Promise.resolve(null);
    const execFn = (command: string, args: readonly string[]): ChildProcess => {
      try {
        const started = startExecProcess(command, args, { ...this.#options, environment });
        fault = started.fault;
        return started.child;
      } catch (error) {
        fault = Promise.resolve(startFault(error));
        throw error;
      }
    };
    const library = new ExecAuth();
    // Declared private, but there to be set: the library's own specs replace `execFn` so.
    Object.assign(library, { execFn, tokenCache: this.#printed });
    const request: { headers: Record<string, string>; cert?: string; key?: string } = { headers: {} };
    const applied = library.applyAuthentication({ name: USER, exec: this.#plugin }, request);
    const isApplied = await applied.then(
      () => true,
      () => false,
    );
    this.#check(await fault, isApplied);
    this.#printed[USER] = withExpiration(this.#printed[USER]);
    const { headers, cert, key } = request;
    return {
      authorization: headers.Authorization ?? null,
      certificate: cert && key ? { cert, key } : null,
    };
  }

  #check(fault: ExecFault | null, isApplied: boolean): void {
    const { command, apiVersion, installHint } = this.#plugin;
    const complaint = fault?.complaint ?? execCredentialFault(this.#printed[USER], apiVersion);
    if (complaint === undefined && isApplied) return;
    this.drop();
    const hint = fault?.wasStarted === false && installHint !== null ? `: ${shortened(installHint)}` : '';
    const text = `the exec plugin ${quoted(command)} ${complaint ?? 'cannot be used'}${hint}`;
    throw new KubeSpliceError('CREDENTIALS_UNUSABLE', text);
  }

  #environment(cluster: Readonly<Record<string, unknown>> | null): ExecPluginOptions['environment'] {
    const spec = { interactive: false, ...(cluster === null ? {} : { cluster }) };
    const { apiVersion, env } = this.#plugin;
    return {
      ...this.#options.environment,
      ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify({ kind: 'ExecCredential', apiVersion, spec }),
    };
  }
}

function withExpiration(printed: unknown): unknown {
  const status = Field.root(printed).child('status');
  if (!isMapping(printed) || !isMapping(status.value)) return printed;
  if (status.child('expirationTimestamp').present) return printed;
  return { ...printed, status: { ...status.value, expirationTimestamp: UNTIL_REFUSED } };
}
