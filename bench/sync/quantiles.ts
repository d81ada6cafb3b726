/** The middle and the tail of many figures. */
export interface Quantiles {
  readonly count: number;
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
}

/** By nearest rank: each is a figure that was measured. @throws RangeError where there are none. */
export function quantiles(figures: readonly number[]): Quantiles {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const figure = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    if (figure === undefined) throw new RangeError('no figures');
    return figure;
  };
  return { count: sorted.length, median: at(0.5), p99: at(0.99), worst: at(1) };
}
