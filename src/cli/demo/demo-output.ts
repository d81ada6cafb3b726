/** Where the demo writes: standard output, or what stands in for it. */
export interface DemoOutput {
  write(text: string): void;
  /** True for a terminal: there the line of counts is rewritten in place. */
  readonly isTTY: boolean;
  /** Width of the terminal, 0 where it does not tell; read anew each time, for a window changes its size. */
  readonly columns: number;
}
