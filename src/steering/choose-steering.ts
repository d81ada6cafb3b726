import type { ProxyConfig } from '../config/proxy-config.js';
import { NoSteering } from './none.js';
import type { Steering } from './steering.js';

export interface ChosenSteering {
  readonly steering: Steering;
  readonly reason: string;
}

/** The steering that `--steering` asks for, as far as it is there, and why it is that one. */
export function chooseSteering(config: ProxyConfig): ChosenSteering {
  return {
    steering: new NoSteering(),
    reason:
      config.steering === 'none'
        ? '--steering=none'
        : `--steering=${config.steering}: this version writes no packet rules; connect to the portals themselves`,
  };
}
