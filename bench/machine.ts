import { readFileSync } from 'node:fs';
import { availableParallelism, release, type } from 'node:os';

/** What figures depend on besides the program. */
export interface Machine {
  readonly cores: number;
  readonly system: string;
  readonly node: string;
  /** The system's congestion control of TCP; null where it does not tell. */
  readonly congestionControl: string | null;
  /** Whether the system tells CPU time and memory of other processes the way the bench reads them. */
  readonly cpuTimes: boolean;
}

export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    // The release, not whose build of it.
    system: `${type()} ${release().split('.').slice(0, 2).join('.')}`,
    node: process.versions.node,
    congestionControl: congestionControl(),
    cpuTimes: process.platform === 'linux',
  };
}

function congestionControl(): string | null {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
  } catch {
    return null;
  }
}
