import { execFile } from 'node:child_process';

/** Far more than a program of these specs takes, ms. */
const DEADLINE_MS = 10_000;

/** How a program ended, and what it printed. */
export interface FinishedProcess {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  /** What it reads on standard input. */
  readonly input?: string;
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a program to its end. An exit code is an answer; rejects where the program could not be started. */
export function runProcess(
  [program = '', ...args]: readonly string[],
  { input = '', environment = {} }: ProcessOptions = {},
): Promise<FinishedProcess> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...process.env, LC_ALL: 'C', ...environment },
      timeout: DEADLINE_MS,
      maxBuffer: 64 * 1024 * 1024,
    };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code === 'string') reject(error);
      else resolve({ exitCode: error === null ? 0 : (child.exitCode ?? null), stdout, stderr });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** What a program printed; rejects with its words where it fails. */
export async function outputOf(argv: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await runProcess(argv, options);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: exit code ${exitCode}: ${stderr.trim()}`);
  return stdout;
}
