import { resolve } from 'node:path';
import { ChildProcesses } from './child-processes.js';
import { runBenchCommand } from './command.js';
import { startEndpoint } from './endpoint.js';
import { LoadClient } from './load-client.js';
import { thisMachine } from './machine.js';
import { IDLE_CONNECTIONS, MEASUREMENTS } from './measurements.js';
import { HELP, type Options, parseOptions } from './options.js';
import type { Peer } from './peer.js';
import { DIRECT } from './peers/direct.js';
import { portableRelay } from './peers/portable-relay.js';
import { type MemoryResult, type Results, reportText } from './report.js';
import { measureInTurn, measureMemory, startPeers, stopPeers } from './rounds.js';
import type { MeasurementResult } from './summary.js';

/** From `build/bench/bench/`, where this file is run. */
const PROGRAM = resolve(import.meta.dirname, '../../../dist/main.js');

const children = new ChildProcesses();

async function run(options: Options): Promise<Results> {
  const relays: readonly Peer[] = options.programs.map(({ name, file }) =>
    portableRelay(name, file, children),
  );
  const endpoint = await startEndpoint(children);
  const client = new LoadClient(children, options.seconds * 1000);
  const running = await startPeers([DIRECT, ...relays], endpoint.addresses);
  try {
    const measurements: MeasurementResult[] = [];
    for (const measurement of MEASUREMENTS.filter(({ name }) => options.only.includes(name))) {
      progress(measurement.title);
      measurements.push(await measureInTurn(measurement, running, client, options.rounds));
    }
    const memory: MemoryResult[] = [];
    for (const relay of options.only.includes('memory') ? relays : []) {
      progress(`memory, ${relay.name}`);
      const { addresses } = endpoint;
      memory.push(await measureMemory(relay, addresses, client, IDLE_CONNECTIONS, options.rounds));
    }
    const { rounds, seconds } = options;
    return { machine: thisMachine(), settings: { rounds, seconds }, measurements, memory };
  } finally {
    await stopPeers(running);
    await Promise.all([client.stop(), endpoint.stop()]);
  }
}

function progress(what: string): void {
  process.stderr.write(`${what} …\n`);
}

runBenchCommand(
  { help: HELP, parse: (argv) => parseOptions(argv, PROGRAM), run, report: reportText, children },
  process.argv.slice(2),
);
