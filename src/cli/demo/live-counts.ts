import { byteQuantity, countOf } from '../../status/quantity.js';
import type { ServicePortStatus } from '../../status/service-port-status.js';
import type { StatusReport } from '../../status/status-report.js';
import type { DemoOutput } from './demo-output.js';

const MAX_COLUMNS = 80;

/**
 * What the portals have carried so far, on one line; a number for each endpoint, in the order of the table:
 * `whoami 4+3+3 connections, echo 1+1+0 sessions, 1.2KiB in, 2.3KiB out`.
 */
export function countsLine({ servicePorts }: StatusReport): string {
  const sum = (count: (servicePort: ServicePortStatus) => number) =>
    servicePorts.reduce((total, servicePort) => total + count(servicePort), 0);
  const failures = sum(({ dialFailures }) => dialFailures);
  return [
    ...servicePorts.map(perEndpoint),
    `${byteQuantity(sum(({ bytesIn }) => bytesIn))} in`,
    `${byteQuantity(sum(({ bytesOut }) => bytesOut))} out`,
    ...(failures === 0 ? [] : [countOf(failures, 'dial failure')]),
  ].join(', ');
}

function perEndpoint({ name, protocol, endpoints }: ServicePortStatus): string {
  const [, service = name] = /^[^/]*\/([^:]*)/.exec(name) ?? [];
  const counts = endpoints.map(({ totalConnections }) => totalConnections).join('+');
  return `${service} ${counts === '' ? 0 : counts} ${protocol === 'TCP' ? 'connections' : 'sessions'}`;
}

/** A line that says how things stand: one that stays in its place on a terminal, a new one at each change elsewhere. */
export class LiveLine {
  readonly #output: DemoOutput;
  #shown = '';

  constructor(output: DemoOutput) {
    this.#output = output;
  }

  show(line: string): void {
    if (!this.#output.isTTY) {
      if (line !== this.#shown) this.#output.write(`${line}\n`);
      this.#shown = line;
      return;
    }
    // The last column stays free: some terminals go on to the next line when it is filled.
    const width = Math.max(1, Math.min(this.#output.columns || MAX_COLUMNS, MAX_COLUMNS) - 1);
    const fitting = line.length > width ? `${line.slice(0, width - 1)}…` : line;
    if (fitting !== this.#shown)
      this.#output.write(`\r${fitting.padEnd(Math.min(this.#shown.length, width))}`);
    this.#shown = fitting;
  }

  /** Leaves the line as it is; what is written next begins on a line of its own. */
  end(): void {
    if (this.#output.isTTY && this.#shown !== '') this.#output.write('\n');
    this.#shown = '';
  }
}
