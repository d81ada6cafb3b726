import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { mustExist } from '../built-program.js';
import { ChildProcesses } from '../child-processes.js';
import { thisMachine } from '../machine.js';
import { UsageError } from '../options.js';
import { measureSize } from './measure-size.js';
import { parseSyncOptions, SYNC_HELP, type SyncOptions } from './options.js';
import type { SizeResult } from './size-result.js';
import { type SyncResults, syncReportText } from './sync-report.js';

/** From `build/bench/bench/sync/`, where this file is run. */
const PROGRAM = resolve(import.meta.dirname, '../../../../dist/main.js');

/** What a shell calls a process that a signal has ended (signal(7)). */
const EXIT_CODE_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

const children = new ChildProcesses();

async function run(options: SyncOptions): Promise<SyncResults> {
  const machine = thisMachine();
  if (!machine.cpuTimes) throw new Error('this bench reads /proc, which only Linux has');
  await mustExist(options.program);
  const sizes: SizeResult[] = [];
  for (const services of options.sizes) {
    const progress = (what: string): void => {
      process.stderr.write(`${services.toLocaleString('en')} Services: ${what} …\n`);
    };
    sizes.push(await measureSize(services, options, children, progress));
  }
  return { machine, sizes };
}

async function main(argv: readonly string[]): Promise<void> {
  const options = parseSyncOptions(argv, PROGRAM);
  if (options.help) {
    process.stdout.write(SYNC_HELP);
    return;
  }
  const results = await run(options);
  process.stdout.write(`\n${syncReportText(results)}\n`);
  if (options.json === null) return;
  await mkdir(dirname(resolve(options.json)), { recursive: true });
  await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
}

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

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    if (interrupted !== undefined) process.exit(EXIT_CODE_OF_SIGNAL[interrupted]);
    const usage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`bench: ${message}\n${usage ? `\n${SYNC_HELP}` : ''}`);
    process.exit(usage ? 2 : 1);
  },
);
