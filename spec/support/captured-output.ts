import type { DemoOutput } from '../../src/cli/demo/demo-output.js';
import { eventually } from './deadline.js';

/** Keeps what the demo writes. */
export class CapturedOutput implements DemoOutput {
  /** One entry a call of `write`. */
  readonly writes: string[] = [];

  constructor(
    readonly isTTY = false,
    public columns = 80,
  ) {}

  write(text: string): void {
    this.writes.push(text);
  }

  get text(): string {
    return this.writes.join('');
  }

  /** Waits until the text matches; resolves with what the first group caught, or with all of the match. */
  async find(pattern: RegExp): Promise<string> {
    let found: RegExpExecArray | null = null;
    await eventually(() => {
      found = pattern.exec(this.text);
      if (found === null) throw new Error(`no ${pattern} in:\n${this.text}`);
    });
    return found?.[1] ?? found?.[0] ?? '';
  }
}
