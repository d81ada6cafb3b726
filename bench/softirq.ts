import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/**
 * Whether a thread's CPU time holds what the kernel did in softirqs while it ran. On loopback that is most of the
 * network: a send carries the packet through the receiving socket, in a softirq on the sender's time.
 *
 * The scheduler's account, which schedstat tells, leaves interrupts out only where the kernel is built with
 * `CONFIG_IRQ_TIME_ACCOUNTING` and trusts its clock (kernel/sched/core.c, update_rq_clock_task). What ksoftirqd
 * carries counts for no peer either way; the CPU of the whole machine holds it.
 *
 * @param config the kernel's configuration; null where it is not told.
 */
export function softirqNote(config: string | null): string {
  const known = config === null ? null : /^CONFIG_IRQ_TIME_ACCOUNTING=y$/m.test(config);
  if (known === null) {
    return 'Whether the CPU of a peer holds softirq time is not known: this kernel does not tell its configuration.';
  }
  return known
    ? 'The CPU of a peer leaves out interrupts and softirqs, where loopback carries packets (CONFIG_IRQ_TIME_ACCOUNTING): the CPU of the whole machine holds them.'
    : "The CPU of a peer holds the softirqs that ran on its time, where loopback carries packets (no CONFIG_IRQ_TIME_ACCOUNTING); ksoftirqd's is only in the CPU of the whole machine.";
}

/** What this kernel was built with, from `/proc/config.gz`; null where it does not tell. */
export function kernelConfig(): string | null {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString('latin1');
  } catch {
    return null;
  }
}
