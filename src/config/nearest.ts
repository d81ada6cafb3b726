/**
 * The candidate that was probably meant: the one that the fewest single changes lead to (a letter added, dropped,
 * replaced, or exchanged with the next), the first of several. `undefined` where even that one is mostly different.
 */
export function nearest<T extends string>(written: string, candidates: Iterable<T>): T | undefined {
  let best: T | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const longest = Math.max(written.length, candidate.length);
    const differentLengths = Math.abs(written.length - candidate.length);
    if (differentLengths >= fewest || differentLengths > longest / 2) continue;
    const changes = editDistance(written, candidate);
    if (changes < fewest && changes <= longest / 2) {
      best = candidate;
      fewest = changes;
    }
  }
  return best;
}

/** The optimal string alignment distance: Levenshtein's, with a swap of neighbours as one change. */
export function editDistance(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = at(last, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
          ? at(beforeLast, column - 2) + 1
          : Number.POSITIVE_INFINITY;
      current.push(Math.min(at(last, column) + 1, at(current, column - 1) + 1, replaced, swapped));
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(distances: readonly number[], column: number): number {
  return distances[column] ?? Number.POSITIVE_INFINITY;
}
