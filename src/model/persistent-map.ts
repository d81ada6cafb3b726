/** Few enough to copy in well under a microsecond, enough that a shard of 10,000 entries holds about 40 of them. */
const SHARDS = 256;

/** Those of the 32-bit FNV-1a hash, here over UTF-16 code units rather than bytes. */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

type Shard<K, V> = ReadonlyMap<K, V>;

const EMPTY_SHARD: Shard<never, never> = new Map<never, never>();
const EMPTY_SHARDS: readonly Shard<never, never>[] = Array.from({ length: SHARDS }, () => EMPTY_SHARD);

/**
 * An immutable map that shares what did not change with the map it was made from, so that one entry of 10,000
 * changes at the price of a shard, and a difference is found without looking at the rest:
 *
 * ```
 *   before ──▶ [ · · · · … · ]      256 shards, chosen by a hash of the key
 *                │ │ │ │     │
 *                ▼ ▼ ▼ ▼     ▼
 *                a b c d  …  z      each a small Map
 *                ▲ ▲   ▲     ▲
 *                │ │ c'│     │      the shard of the changed key, copied
 *                │ │ ▲ │     │
 *   after ───▶ [ · · · · … · ]
 * ```
 *
 * The hash is the same in every run. The order of iteration follows from what was done, and from nothing else; it is
 * not sorted. `undefined` is no value here: it stands for an entry that is not there.
 */
export class PersistentMap<K extends string, V> implements ReadonlyMap<K, V> {
  static readonly #empty = new PersistentMap<never, never>(EMPTY_SHARDS, 0);

  readonly #shards: readonly Shard<K, V>[];
  readonly size: number;

  private constructor(shards: readonly Shard<K, V>[], size: number) {
    this.#shards = shards;
    this.size = size;
  }

  /** The one without entries. */
  static empty<K extends string, V>(): PersistentMap<K, V> {
    // Nothing can be read from it, so it is one for all types.
    return PersistentMap.#empty as unknown as PersistentMap<K, V>;
  }

  /** One with these entries; of several with one key the last counts. */
  static from<K extends string, V>(entries: Iterable<readonly [K, V]>): PersistentMap<K, V> {
    return PersistentMap.empty<K, V>().with(entries);
  }

  /**
   * The map after these changes, of which the last of a key counts; `undefined` removes. Where nothing is different by
   * `===` it is this map.
   */
  with(changes: Iterable<readonly [K, V | undefined]>): PersistentMap<K, V> {
    const copies = new Map<number, Map<K, V>>();
    let size = this.size;
    for (const [key, value] of new Map(changes)) {
      const index = shardOf(key);
      const shard = copies.get(index) ?? this.#shardAt(index);
      if (shard.get(key) === value) continue;
      const copy = copies.get(index) ?? new Map(shard);
      copies.set(index, copy);
      size -= copy.size;
      if (value === undefined) copy.delete(key);
      else copy.set(key, value);
      size += copy.size;
    }
    if (copies.size === 0) return this;
    if (size === 0) return PersistentMap.empty();
    const shards = this.#shards.slice();
    for (const [index, copy] of copies) shards[index] = copy.size === 0 ? EMPTY_SHARD : copy;
    return new PersistentMap(shards, size);
  }

  get(key: K): V | undefined {
    return this.#shardAt(shardOf(key)).get(key);
  }

  has(key: K): boolean {
    return this.#shardAt(shardOf(key)).has(key);
  }

  *entries(): Generator<[K, V], undefined> {
    for (const shard of this.#shards) yield* shard.entries();
  }

  *keys(): Generator<K, undefined> {
    for (const shard of this.#shards) yield* shard.keys();
  }

  *values(): Generator<V, undefined> {
    for (const shard of this.#shards) yield* shard.values();
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  /** The shards that are not the same in both, each beside its other. */
  static *differingShards<K extends string, V>(
    one: PersistentMap<K, V>,
    other: PersistentMap<K, V>,
  ): Generator<readonly [Shard<K, V>, Shard<K, V>], undefined> {
    if (one === other) return;
    for (let index = 0; index < SHARDS; index += 1) {
      const [shard, beside] = [one.#shardAt(index), other.#shardAt(index)];
      if (shard !== beside) yield [shard, beside];
    }
  }

  #shardAt(index: number): Shard<K, V> {
    return this.#shards[index] ?? EMPTY_SHARD;
  }
}

/**
 * The keys whose values are not the same (`===`) in both maps, one that is in one of them only included; each once.
 * Where one map was made from the other, this takes as long as what differs is large, however large the maps are.
 */
export function* differingKeys<K extends string, V>(
  one: ReadonlyMap<K, V>,
  other: ReadonlyMap<K, V>,
): Generator<K, undefined> {
  if (one instanceof PersistentMap && other instanceof PersistentMap)
    for (const [shard, beside] of PersistentMap.differingShards<K, V>(one, other))
      yield* differingKeysOf(shard, beside);
  else yield* differingKeysOf(one, other);
}

function* differingKeysOf<K, V>(one: ReadonlyMap<K, V>, other: ReadonlyMap<K, V>): Generator<K, undefined> {
  for (const [key, value] of one) if (other.get(key) !== value) yield key;
  for (const key of other.keys()) if (!one.has(key)) yield key;
}

function shardOf(key: string): number {
  let hash = OFFSET_BASIS;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), PRIME);
  // The low bits of FNV-1a are the weak ones: the high half is folded in.
  return ((hash >>> 16) ^ hash) & (SHARDS - 1);
}
