import { resolve } from 'node:path';
import { ChildProcesses } from './child-processes.js';
import { runBenchCommand } from './command.js';
import { startEndpoint } from './endpoint.js';
import { LoadClient } from './load-client.js';
import { buildLoadProgram } from './load-program.js';
import { thisMachine } from './machine.js';
import { IDLE_CONNECTIONS, latencyAt, MEASUREMENTS, type Measurement, REQUESTS } from './measurements.js';
import { HELP, type Options, parseOptions } from './options.js';
import { otherWork, otherWorkNotes } from './other-work.js';
import { DIRECT } from './peers/direct.js';
import { peersFor, presentPeers } from './peers/selected.js';
import { type Failure, type MemoryResult, type Results, reportText } from './report.js';
import { halfOfSlowest, measureInTurn, measureMemory, startPeers, stopPeers } from './rounds.js';
import { saveResults } from './save.js';
import { kernelConfig, softirqNote } from './softirq.js';
import type { MeasurementResult } from './summary.js';

/** From `build/bench/bench/`, where this file is run. */
const ROOT = resolve(import.meta.dirname, '../../..');

const children = new ChildProcesses();

async function run(options: Options): Promise<Results> {
  const { rounds, seconds } = options;
  const busyBefore = await otherWork();
  const load = await buildLoadProgram(resolve(ROOT, 'bench/load'), resolve(ROOT, 'build/bench/bench-load'));
  const program = resolve(ROOT, 'dist/main.js');
  const { peers, descriptions } = await presentPeers(peersFor(options, program, children));
  const failures: Failure[] = [];
  const failed = (failure: Failure): void => {
    failures.push(failure);
    progress(`${failure.peer} is left out, ${failure.work}: ${failure.message}`);
  };
  const endpoint = await startEndpoint(load.file, children);
  const client = new LoadClient(children, load.file, seconds * 1000);
  const running = await startPeers([DIRECT, ...peers], endpoint.addresses, failed);
  const inTurn = (measurement: Measurement, times: number): Promise<MeasurementResult> => {
    progress(`${measurement.title} …`);
    return measureInTurn(measurement, running, client, times, failed);
  };
  try {
    const measurements: MeasurementResult[] = [];
    for (const measurement of MEASUREMENTS.filter(({ name }) => options.only.includes(name))) {
      measurements.push(await inTurn(measurement, rounds));
    }
    if (options.only.includes('latency')) {
      const peak = measurements.find(({ measurement }) => measurement.name === 'tcp-requests');
      const rate = halfOfSlowest(peak ?? (await inTurn(REQUESTS, 1)));
      measurements.push(await inTurn(latencyAt(rate), rounds));
    }
    const memory: MemoryResult[] = [];
    for (const peer of options.only.includes('memory') ? peers : []) {
      progress(`memory, ${peer.name} …`);
      const { addresses } = endpoint;
      const result = await measureMemory(peer, addresses, client, IDLE_CONNECTIONS, rounds, failed);
      if (result !== null) memory.push(result);
    }
    const busy = [busyBefore, await otherWork()];
    const notes = [softirqNote(kernelConfig()), ...otherWorkNotes(busy)];
    const machine = thisMachine();
    return {
      machine,
      settings: { rounds, seconds },
      measurements,
      memory,
      peers: descriptions,
      failures,
      notes,
    };
  } finally {
    await stopPeers(running);
    await endpoint.stop();
  }
}

function progress(what: string): void {
  process.stderr.write(`${what}\n`);
}

runBenchCommand(
  { help: HELP, parse: parseOptions, run, report: reportText, save: saveResults, children },
  process.argv.slice(2),
);
