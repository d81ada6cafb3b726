/** A pause that something else may end early. */
export class Rest {
  #isEnded = false;
  #end: (() => void) | undefined;

  /**
   * Resolves after `ms`, or as soon as `end` has been called since the last rest; not before `leastMs` in any case.
   * One rest at a time.
   */
  async for(ms: number, leastMs = 0): Promise<void> {
    if (leastMs > 0) await new Promise((resolve) => setTimeout(resolve, leastMs));
    if (!this.#isEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, ms - leastMs));
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#end = undefined;
    this.#isEnded = false;
  }

  /** Ends this rest, or the next one where there is none now. */
  end(): void {
    this.#isEnded = true;
    this.#end?.();
  }
}
