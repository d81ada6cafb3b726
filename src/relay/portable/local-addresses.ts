/** How long the addresses of the host are taken to be the same, ms. */
const FRESH_MS = 1_000;

/**
 * The local addresses that a bind address stands for, looked up once for all portals that ask at about the same time:
 * on a node with a hundred interfaces each look takes milliseconds.
 */
export class LocalAddresses {
  readonly #known = new Map<string, { readonly addresses: readonly string[]; readonly lookedUp: number }>();

  /** @param now ms, monotonic. */
  constructor(
    private readonly lookUp: (bindAddress: string) => readonly string[],
    private readonly now: () => number,
  ) {}

  of(bindAddress: string): readonly string[] {
    const known = this.#known.get(bindAddress);
    if (known !== undefined && this.now() - known.lookedUp < FRESH_MS) return known.addresses;
    const addresses = this.lookUp(bindAddress);
    this.#known.set(bindAddress, { addresses, lookedUp: this.now() });
    return addresses;
  }

  /** Looks them up again the next time. */
  forget(): void {
    this.#known.clear();
  }
}
