import type { StatusAddress } from '../config/proxy-config.js';
import { askStatus, type StatusClientLimits } from '../status/status-client.js';
import { statusTable } from '../status/status-table.js';
import { indentedJson } from './indented-json.js';

export interface StatusCommandOptions {
  /** Where the running kube-splice serves its status. */
  readonly address: StatusAddress;
  readonly output: 'table' | 'json';
  /** Standard output. */
  readonly write: (text: string) => void;
  readonly limits?: StatusClientLimits;
}

/**
 * `kube-splice status`: asks the running proxy and prints what it tells, for people or for programs. Resolves with
 * the exit code, 0.
 *
 * @throws KubeSpliceError `STATUS_UNREACHABLE`, `STATUS_MALFORMED`.
 */
export async function runStatusCommand(options: StatusCommandOptions): Promise<number> {
  const report = await askStatus(options.address, options.limits);
  options.write(options.output === 'json' ? indentedJson(report) : statusTable(report));
  return 0;
}
