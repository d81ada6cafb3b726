/** The whole in slices of this size, the last one smaller: work for one turn of the event loop each. */
export function* slicesOf<T>(whole: Iterable<T>, size: number): Generator<ReadonlySet<T>, undefined> {
  let slice = new Set<T>();
  for (const one of whole) {
    slice.add(one);
    if (slice.size < size) continue;
    yield slice;
    slice = new Set();
  }
  if (slice.size > 0) yield slice;
}
