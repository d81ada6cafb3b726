import type { StatusAddress } from '../config/proxy-config.js';
import { askExplanation } from '../status/explain/explain-client.js';
import { explanationText } from '../status/explain/explanation-text.js';
import type { StatusClientLimits } from '../status/status-client.js';
import { indentedJson } from './indented-json.js';

export interface ExplainCommandOptions {
  /** Where the running kube-splice serves its status. */
  readonly address: StatusAddress;
  /** `NAMESPACE/SERVICE`, or with `:PORT`. */
  readonly service: string;
  /** The IP address of the client in question; null for none. */
  readonly client: string | null;
  readonly output: 'table' | 'json';
  /** Standard output. */
  readonly write: (text: string) => void;
  readonly limits?: StatusClientLimits;
}

/**
 * `kube-splice explain`: asks the running proxy why traffic of a Service goes where it goes, and prints that, for people or for
 * programs. Resolves with the exit code, 0.
 *
 * @throws KubeSpliceError as `askExplanation`.
 */
export async function runExplainCommand(options: ExplainCommandOptions): Promise<number> {
  const report = await askExplanation(options.address, options, options.limits);
  options.write(options.output === 'json' ? indentedJson(report) : explanationText(report));
  return 0;
}
