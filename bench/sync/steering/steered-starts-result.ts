import type { Start } from '../proxy-program.js';
import type { PacketFilter } from './packet-filter.js';

/** The program started among so many Services, with packet rules of each filter and without any. */
export interface SteeredStarts {
  readonly services: number;
  readonly starts: readonly {
    readonly steering: PacketFilter | 'none';
    readonly starts: readonly Start[];
  }[];
}
