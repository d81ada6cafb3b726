import { resolve } from 'node:path';
import { mustExist } from '../built-program.js';
import { ChildProcesses } from '../child-processes.js';
import { runBenchCommand } from '../command.js';
import { thisMachine } from '../machine.js';
import { measureSize } from './measure-size.js';
import { parseSyncOptions, SYNC_HELP, type SyncOptions } from './options.js';
import type { SizeResult } from './size-result.js';
import { type SyncResults, syncReportText } from './sync-report.js';

/** From `build/bench/bench/sync/`, where this file is run. */
const PROGRAM = resolve(import.meta.dirname, '../../../../dist/main.js');

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

runBenchCommand(
  {
    help: SYNC_HELP,
    parse: (argv) => parseSyncOptions(argv, PROGRAM),
    run,
    report: syncReportText,
    children,
  },
  process.argv.slice(2),
);
