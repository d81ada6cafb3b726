import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ChildProcesses } from './child-processes.js';
import { startEndpoint } from './endpoint.js';
import { LoadClient } from './load-client.js';
import { thisMachine } from './machine.js';
import { IDLE_CONNECTIONS, MEASUREMENTS } from './measurements.js';
import { HELP, type Options, parseOptions, UsageError } from './options.js';
import type { Peer } from './peer.js';
import { DIRECT } from './peers/direct.js';
import { portableRelay } from './peers/portable-relay.js';
import { type MemoryResult, type Results, reportText } from './report.js';
import { measureInTurn, measureMemory, startPeers, stopPeers } from './rounds.js';
import type { MeasurementResult } from './summary.js';

/** From `build/bench/bench/`, where this file is run. */
const PROGRAM = resolve(import.meta.dirname, '../../../dist/main.js');

/** What a shell calls a process that a signal has ended (signal(7)). */
const EXIT_CODE_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

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

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv, PROGRAM);
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const results = await run(options);
  process.stdout.write(`\n${reportText(results)}\n`);
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
    process.stderr.write(`bench: ${message}\n${usage ? `\n${HELP}` : ''}`);
    process.exit(usage ? 2 : 1);
  },
);
