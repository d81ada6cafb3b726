import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ChildProcesses } from './child-processes.js';
import { UsageError } from './options.js';

/** What a shell calls a process that a signal has ended (signal(7)). */
const EXIT_CODE_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/** What every bench is asked. */
export interface CommonOptions {
  readonly help: boolean;
  /** Where the results are written, too; null for nowhere. */
  readonly json: string | null;
}

export interface BenchCommand<Options extends CommonOptions, Results> {
  readonly help: string;
  /** @throws UsageError */
  readonly parse: (argv: readonly string[]) => Options;
  readonly run: (options: Options) => Promise<Results>;
  readonly report: (results: Results) => string;
  /** Where else the results go; resolves to what is said about it. */
  readonly save?: (options: Options, results: Results) => Promise<string>;
  /** Those that it starts: none outlives it. */
  readonly children: ChildProcesses;
}

/** Runs a bench from its arguments to its report, and ends the process: 0, 1 where it failed, 2 for wrong usage. */
export function runBenchCommand<Options extends CommonOptions, Results>(
  command: BenchCommand<Options, Results>,
  argv: readonly string[],
): void {
  const { children } = command;
  let interrupted: keyof typeof EXIT_CODE_OF_SIGNAL | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whatever is awaited fails without its process; so everything is put away, and the bench ends.
      interrupted = signal;
      process.stderr.write(`${signal} received: the bench ends\n`);
      children.killAll();
    });
  }
  process.once('exit', () => children.killAll());
  measureAndReport(command, argv).then(
    () => process.exit(0),
    (error: unknown) => {
      if (interrupted !== undefined) process.exit(EXIT_CODE_OF_SIGNAL[interrupted]);
      const usage = error instanceof UsageError;
      const message = error instanceof Error ? error.message : String(error);
      process.stderr.write(`bench: ${message}\n${usage ? `\n${command.help}` : ''}`);
      process.exit(usage ? 2 : 1);
    },
  );
}

async function measureAndReport<Options extends CommonOptions, Results>(
  { help, parse, run, report, save }: BenchCommand<Options, Results>,
  argv: readonly string[],
): Promise<void> {
  const options = parse(argv);
  if (options.help) {
    process.stdout.write(help);
    return;
  }
  const results = await run(options);
  process.stdout.write(`\n${report(results)}\n`);
  if (save !== undefined) process.stdout.write(`\n${await save(options, results)}\n`);
  if (options.json === null) return;
  await mkdir(dirname(resolve(options.json)), { recursive: true });
  await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
}
