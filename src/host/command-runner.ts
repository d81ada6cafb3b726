/** A program to run, its arguments apart: nothing of it is read by a shell, so names from a cluster stay data. */
export interface Command {
  /** A path, or a name that is looked for in PATH. */
  readonly program: string;
  readonly args: readonly string[];
  /** What it reads on standard input; nothing where left out. */
  readonly input?: string;
  /** It is killed after so many ms, 60,000 where left out. */
  readonly timeoutMs?: number;
}

/** What a program answered. */
export interface CommandResult {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The one way to other programs: whoever needs one takes this, and a spec gives it a ruleset of its own. */
export interface CommandRunner {
  /**
   * Runs a program to its end. An exit code other than 0 is an answer, and no error.
   *
   * @throws KubeSpliceError `COMMAND_NOT_FOUND` where there is no such program, `COMMAND_FAILED` where it could not be
   *   started, did not end in time, or printed more than can be held.
   */
  run(command: Command): Promise<CommandResult>;
}
