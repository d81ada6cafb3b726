import { unwatchFile, watchFile } from 'node:fs';
import { configChange } from '../config/config-change.js';
import type { ProxyConfig } from '../config/proxy-config.js';
import type { Logger } from '../host/log.js';
import { KubeSpliceError } from '../model/errors.js';
import { dashed } from './flag.js';
import type { RunningProxy } from './running-proxy.js';

/** What a proxy was asked to run as, which may be asked for again. */
export interface ConfigurationSource {
  /** The file of `--config`. */
  readonly path: string;
  /**
   * Reads the file anew, under the same flags.
   *
   * @throws KubeSpliceError as the command line does.
   */
  readonly read: () => { readonly config: ProxyConfig; readonly warnings: readonly string[] };
}

export interface LiveConfigurationOptions {
  readonly config: ProxyConfig;
  /** Null where no file says anything: nothing changes then. */
  readonly source: ConfigurationSource | null;
  readonly logger: Logger;
  /** Called with another `-v`. */
  readonly setLogLevel: (level: number) => void;
  /** How often it is looked whether the file is another one, ms. */
  readonly lookEveryMs?: number;
}

const LOOK_EVERY_MS = 1_000;

/**
 * The configuration of a running proxy: what the file of `--config` says is taken up as it changes, without a word to traffic.
 *
 *     file ──looked at every second──▶ read ──▶ what may change at once ──▶ proxy, log
 *     SIGHUP ──────────────────────────▲  └───▶ the rest: told, and left for the next start
 *
 * It is looked at by its path, so that a rename, or the symbolic link of a mounted ConfigMap that leads elsewhere, is a change as well. One that is being written is given half a second. What
 * is wrong with it is told once, and what was read last goes on.
 */
export class LiveConfiguration {
  readonly #options: LiveConfigurationOptions;
  /** How it runs. */
  #config: ProxyConfig;
  #proxy: Pick<RunningProxy, 'reconfigure'> | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #settling: NodeJS.Timeout | undefined;
  readonly #changed = (): void => {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.reload(), this.#lookEveryMs / 2).unref();
  };

  constructor(options: LiveConfigurationOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /** How the proxy runs now. */
  get config(): ProxyConfig {
    return this.#config;
  }

  /** Begins to look at the file. It keeps no process alive. */
  begin(proxy: Pick<RunningProxy, 'reconfigure'>): void {
    this.#proxy = proxy;
    const { source } = this.#options;
    if (source !== null)
      watchFile(source.path, { interval: this.#lookEveryMs, persistent: false }, this.#changed);
  }

  /** Looks at it no more. */
  end(): void {
    this.#proxy = undefined;
    const { source } = this.#options;
    clearTimeout(this.#settling);
    if (source !== null) unwatchFile(source.path, this.#changed);
  }

  get #lookEveryMs(): number {
    return this.#options.lookEveryMs ?? LOOK_EVERY_MS;
  }

  /**
   * Reads the file now, after any reading that goes on. Never rejects. Resolves with a phrase that says what came of it; null where
   * there is no file.
   */
  reload(): Promise<string | null> {
    const reading = this.#reading.then(() => this.#read());
    this.#reading = reading;
    return reading;
  }

  async #read(): Promise<string | null> {
    const { source, logger, setLogLevel } = this.#options;
    const proxy = this.#proxy;
    if (source === null || proxy === undefined) return null;
    const { path } = source;
    try {
      const { config: asked, warnings } = source.read();
      const { config, atOnce, atNextStart } = configChange(this.#config, asked);
      if (atOnce.length + atNextStart.length === 0) return `${path} (nothing is different)`;
      for (const warning of warnings) logger.warn(warning);
      await proxy.reconfigure(config);
      this.#config = config;
      setLogLevel(config.log.level);
      const flags = (names: readonly string[]): string => names.map(dashed).join(' ');
      if (atOnce.length > 0) logger.info('configuration: in effect', { file: path, settings: flags(atOnce) });
      if (atNextStart.length > 0)
        logger.warn('configuration: other settings have their effect at the next start', {
          file: path,
          settings: flags(atNextStart),
        });
      return `${path} (${flags([...atOnce, ...atNextStart])})`;
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      const { code, message, remedy } = error;
      logger.error(`${code}: ${message}; what was read last goes on`, { remedy });
      return `${path} (not taken up)`;
    }
  }
}
