import type { Start } from './proxy-program.js';

/** What was found with a cluster of one size. */
export interface SizeResult {
  readonly services: number;
  /** Length of one object in a list, on average, bytes. */
  readonly serviceBytes: number;
  readonly sliceBytes: number;
  /** The program was started so often; the last of them did what follows. */
  readonly starts: readonly Start[];
  /** Resident memory, bytes. */
  readonly memory: {
    /** After a while in which nothing happened. */
    readonly settled: number;
    /** After the changes one after another, and all that was done before: a status report was asked for, too. */
    readonly changed: number;
    /** The most until then. */
    readonly peak: number;
  };
  /** CPU of the program for a change to an endpoint, ms. */
  readonly cpuPerChangeMs: number;
  /** From a change on the wire to the first connection that another endpoint accepts, ms. */
  readonly quietMs: readonly number[];
  /** The same while other Services change. */
  readonly churnMs: readonly number[];
  /** A connection through a portal while nothing changes, ms: what the two above can be told apart by. */
  readonly connectionMs: readonly number[];
}
