/** A release of iptables, such as [1, 4, 7]. */
export type Release = readonly [number, number, number];

/** What kube-proxy takes an unreadable version for, too (`pkg/util/iptables`): old enough to know few flags. */
const UNREADABLE: Release = [1, 4, 11];

/** `iptables-restore` waits for the lock since 1.6.2; before, it took none at all. */
const RESTORE_WAITS: Release = [1, 6, 2];

/** Since then it says that `-W` is deprecated: it is woken, and looks no more. */
const WAITS_WITHOUT_LOOKING: Release = [1, 8, 8];

/** How long another program may hold the lock, s, and how often it is looked for, µs: kube-proxy's own values. */
const WAIT_SECONDS = 5;
const LOOK_MICROSECONDS = 100_000;

/** Which of the two ways into the kernel a program takes; releases before 1.8.0 know one only, and don't tell. */
export type Variant = 'legacy' | 'nft';

/** The release that `iptables --version` prints: `iptables v1.8.9 (nf_tables)`. */
export function parseRelease(text: string): { readonly release: Release; readonly variant: Variant } {
  const found = /\bv(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  const release: Release =
    found === null ? UNREADABLE : [Number(found[1]), Number(found[2]), Number(found[3] ?? '0')];
  return { release, variant: text.includes('nf_tables') ? 'nft' : 'legacy' };
}

export function isAtLeast(release: Release, other: Release): boolean {
  for (const [index, part] of release.entries()) {
    const difference = part - (other[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Flags that let `iptables-restore` wait for the lock; null where it knows none, and takes no lock. */
export function waitFlags(release: Release): readonly string[] | null {
  if (!isAtLeast(release, RESTORE_WAITS)) return null;
  const wait = ['-w', String(WAIT_SECONDS)];
  return isAtLeast(release, WAITS_WITHOUT_LOOKING) ? wait : [...wait, '-W', String(LOOK_MICROSECONDS)];
}
