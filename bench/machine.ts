import { availableParallelism, release, type } from 'node:os';

/** What figures depend on besides the program. */
export interface Machine {
  readonly cores: number;
  readonly system: string;
  readonly node: string;
  /** Whether the system tells CPU time and memory of other processes the way the bench reads them. */
  readonly cpuTimes: boolean;
}

export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    // The release, not whose build of it.
    system: `${type()} ${release().split('.').slice(0, 2).join('.')}`,
    node: process.versions.node,
    cpuTimes: process.platform === 'linux',
  };
}
