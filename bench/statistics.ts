/** The middle of several figures, and how far apart they are. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The median is the mean of the two in the middle where their number is even. @throws RangeError where there are none. */
export function spread(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (upper === undefined || lower === undefined || min === undefined || max === undefined) {
    throw new RangeError('no figures');
  }
  return { median: (lower + upper) / 2, min, max };
}

/** The same, or null where any of the figures is missing, or all are. */
export function spreadIfComplete(figures: readonly (number | null)[]): Spread | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === figures.length && known.length > 0 ? spread(known) : null;
}
